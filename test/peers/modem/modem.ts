// A GSM modem for tests: an AT parser that really decodes the PDU, with a clock, a SIM and its storage of its own. It can be
// slow, chatty, deaf, wrong, full and locked, and it says what the "network" took.
import { Duplex } from 'node:stream';
import { readSubmit, type Submitted, writeDeliver, writeStatusReport } from './tpdu.ts';

export type Behaviour = {
  maker: string;
  model: string;
  imei: string;
  lineEnd: string;
  prompt: string;
  echo: boolean;
  /** Says things unasked between each command and its answer. */
  chatty: boolean;
  /** Commands that it answers with an error. */
  refuses: { command: RegExp; answer: string }[];
  /** What AT+CMGS says as reference, and whether the network's report has the same. */
  references: 'counting' | 'zero' | 'zero in the answer';
  refusesValidity: boolean;
  /** The SIM's PIN while it is locked. */
  pin: string | undefined;
  pinTries: number;
  /** <stat> of +CREG. */
  registration: number;
  /** Only +CEREG knows. */
  onlyLte: boolean;
  rssi: number;
  room: number;
  smsc: string;
  cnmi: string;
  /** An error in the place of +CMGS, or undefined. */
  answer(submitted: Submitted, count: number): string | undefined;
  /** TP-ST of the report for a message that asked for one; undefined: none comes. */
  report(submitted: Submitted): number | undefined;
  /** What one message takes on the modem's clock. */
  submitMs: number;
  /** It stops answering when this much of its clock has passed, at one point of a submit after the other. */
  hangEveryMs: number;
  /** Milliseconds before each answer. */
  slowMs: number;
};

export const STANDARD: Behaviour = {
  maker: 'Stand-in',
  model: 'S1',
  imei: '490154203237518',
  lineEnd: '\r\n',
  prompt: '\r\n> ',
  echo: true,
  chatty: false,
  refuses: [],
  references: 'counting',
  refusesValidity: false,
  pin: undefined,
  pinTries: 3,
  registration: 1,
  onlyLte: false,
  rssi: 20,
  room: 20,
  smsc: '+491710760000',
  cnmi: '(0-2),(0-3),(0,2),(0-2),(0,1)',
  answer: () => undefined,
  report: () => 0,
  submitMs: 3_000,
  hangEveryMs: Number.POSITIVE_INFINITY,
  slowMs: 0,
};

const START = Date.UTC(2026, 10, 21, 12, 0, 0);
const HANGS = ['before the prompt', 'before it took the PDU', 'after it took the PDU'] as const;

export class Modem {
  readonly behaviour: Behaviour;
  /** Epoch ms on the modem's clock. */
  clock = START;
  /** What the network took, in its order. */
  readonly taken: (Submitted & { at: number; reference: number })[] = [];
  /** Index in SIM storage to the PDU and its state: 0 unread, 1 read, 2 and 3 written by hand. */
  readonly stored = new Map<number, { pdu: string; state: number }>();
  /** Every command as it came. */
  readonly commands: string[] = [];
  /** Status reports and messages that were acknowledged with AT+CNMA. */
  acknowledged = 0;
  /** How it hung, each time; a message is lost on the way only in the first two. */
  readonly hangs: (typeof HANGS)[number][] = [];
  /** Takes everything and says nothing. Only AT+CFUN=1,1 is heard. */
  deaf = false;
  /** After AT+CFUN=1,1: the device goes and comes again. */
  onReset: () => void = () => {};
  #write: (text: string) => void = () => {};
  #buffer = '';
  #awaiting: { length: number } | undefined;
  #locked: boolean;
  #cnmi = { stores: 0, reports: 0 };
  #acks = false;
  #reference = 0;
  #hungAt = START;

  constructor(behaviour: Partial<Behaviour> = {}) {
    this.behaviour = { ...STANDARD, ...behaviour };
    this.#locked = this.behaviour.pin !== undefined;
  }

  /** Where its output goes, until the next call. */
  attach(write: (text: string) => void): void {
    this.#write = write;
  }

  /** The modem in memory: what is written is heard, and what it says can be read. */
  duplex(): Duplex {
    const stream = new Duplex({
      read() {},
      write: (chunk, _encoding, done) => {
        this.data(chunk as Buffer);
        done();
      },
    });
    this.attach((text) => stream.push(Buffer.from(text, 'latin1')));
    return stream;
  }

  /** From now on it hangs whenever so much of its clock has passed. */
  hangEvery(ms: number): void {
    this.behaviour.hangEveryMs = ms;
    this.#hungAt = this.clock;
  }

  /** Power off and on: deafness ends, the PIN is asked for again, settings are lost. */
  restart(): void {
    this.deaf = false;
    this.#buffer = '';
    this.#awaiting = undefined;
    this.#locked = this.behaviour.pin !== undefined;
    this.#cnmi = { stores: 0, reports: 0 };
    this.#acks = false;
  }

  data(chunk: Buffer): void {
    this.#buffer += chunk.toString('latin1');
    for (;;) {
      if (this.deaf) {
        const reset = this.#buffer.includes('AT+CFUN=1,1\r');
        this.#buffer = this.#buffer.slice(-20);
        if (!reset) return;
        this.restart();
        this.onReset();
        return;
      }
      if (this.#awaiting) {
        const end = this.#buffer.search(/[\x1a\x1b]/);
        if (end === -1) return;
        const pdu = this.#buffer.slice(0, end).trim();
        const cancelled = this.#buffer[end] === '\x1b';
        this.#buffer = this.#buffer.slice(end + 1);
        const { length } = this.#awaiting;
        this.#awaiting = undefined;
        if (this.behaviour.echo) this.#write(`${pdu}\x1a\r\n`);
        if (cancelled) this.#final('OK');
        else this.#submit(pdu, length);
        continue;
      }
      const end = this.#buffer.indexOf('\r');
      if (end === -1) return;
      const line = this.#buffer.slice(0, end).replaceAll(/[\n\x1b]/g, '');
      this.#buffer = this.#buffer.slice(end + 1);
      if (line !== '') this.#command(line);
    }
  }

  /** A message from the network: stored and announced, or refused when the SIM is full. */
  receive(message: { from: string; text: string; alphabet?: 'gsm7' | 'ucs2' | 'binary'; header?: string }): boolean {
    return this.store(writeDeliver({ ...message, at: this.clock }));
  }

  /** A PDU that arrives as it stands. */
  store(pdu: string, announce = 'CMTI', state = 0): boolean {
    if (this.stored.size >= this.behaviour.room) return false;
    let index = 1;
    while (this.stored.has(index)) index++;
    this.stored.set(index, { pdu, state });
    if (announce !== '' && (announce !== 'CMTI' || this.#cnmi.stores === 1)) this.say(`+${announce}: "SM",${index}`);
    return true;
  }

  /** Unasked. */
  say(...lines: string[]): void {
    const { lineEnd } = this.behaviour;
    if (!this.deaf) this.#write(lines.map((line) => `${lineEnd}${line}${lineEnd}`).join(''));
  }

  #final(...lines: string[]): void {
    const { chatty, slowMs } = this.behaviour;
    const out = () => {
      if (chatty) this.say('^RSSI: 17', '+CREG: 1', '+CSQ: 3,99', '%CTZV: 8', 'RING');
      this.say(...lines);
    };
    if (slowMs > 0) setTimeout(out, slowMs);
    else out();
  }

  #command(line: string): void {
    this.commands.push(line);
    this.clock += 10;
    const { echo, refuses } = this.behaviour;
    if (echo) this.#write(`${line}\r`);
    const refusal = refuses.find(({ command }) => command.test(line));
    const answer = refusal ? [refusal.answer] : this.#answers(line);
    if (answer !== undefined) this.#final(...answer);
  }

  #answers(line: string): string[] | undefined {
    const { maker, model, imei, rssi, registration, onlyLte, smsc, cnmi, room } = this.behaviour;
    const used = this.stored.size;
    const fixed: Record<string, string[]> = {
      AT: ['OK'],
      ATI: [`Manufacturer: ${maker}`, `Model: ${model}`, 'OK'],
      'AT+CMEE=1': ['OK'],
      'AT+CREG=0': ['OK'],
      'AT+CGMI': [maker, 'OK'],
      'AT+CGMM': [model, 'OK'],
      'AT+CGMR': ['1.0', 'OK'],
      'AT+CGSN': [imei, 'OK'],
      'AT+CMGF=0': ['OK'],
      'AT+CPIN?': this.#locked ? ['+CPIN: SIM PIN', 'OK'] : ['+CPIN: READY', 'OK'],
      'AT+CPINR="SIM PIN"': [`+CPINR: SIM PIN,${this.behaviour.pinTries},3`, 'OK'],
      'AT+CREG?': onlyLte ? ['ERROR'] : [`+CREG: 0,${registration}`, 'OK'],
      'AT+CEREG?': [`+CEREG: 0,${registration}`, 'OK'],
      'AT+CSQ': [`+CSQ: ${rssi},99`, 'OK'],
      'AT+COPS?': ['+COPS: 0,0,"Testnetz",2', 'OK'],
      'AT+CSCA?': [`+CSCA: "${smsc}",145`, 'OK'],
      'AT+CNMI=?': [`+CNMI: ${cnmi}`, 'OK'],
      'AT+CPMS?': [`+CPMS: ${`"SM",${used},${room},`.repeat(3).slice(0, -1)}`, 'OK'],
    };
    if (fixed[line]) return fixed[line];
    if (line === 'ATE0') {
      this.behaviour.echo = false;
      return ['OK'];
    }
    if (line === 'AT+CNMA') {
      if (!this.#acks) return ['+CMS ERROR: 340'];
      this.acknowledged++;
      return ['OK'];
    }
    if (line === 'AT+CFUN=1,1') {
      this.restart();
      this.onReset();
      return undefined;
    }
    if (/^AT(\+IFC=2,2|\\Q3|\+CPMS="\w\w")$/.test(line)) return ['OK'];
    const setting = /^AT\+(\w+)=(.*)$/.exec(line);
    return setting ? this.#set(setting[1]!, setting[2]!) : ['ERROR'];
  }

  #set(name: string, value: string): string[] | undefined {
    switch (name) {
      case 'CPIN':
        return this.#unlock(value);
      case 'CSMS':
        this.#acks = value === '1';
        return ['+CSMS: 1,1,1', 'OK'];
      case 'CNMI': {
        const [, stores, , reports] = value.split(',').map(Number);
        this.#cnmi = { stores: stores!, reports: reports! };
        return ['OK'];
      }
      case 'CMGR': {
        const entry = this.stored.get(Number(value));
        if (!entry) return ['+CMS ERROR: 321'];
        const header = `+CMGR: ${entry.state},,${tpduLength(entry.pdu)}`;
        entry.state = entry.state === 0 ? 1 : entry.state;
        return [header, entry.pdu, 'OK'];
      }
      case 'CMGL':
        return [
          ...[...this.stored].flatMap(([i, { pdu, state }]) => [`+CMGL: ${i},${state},,${tpduLength(pdu)}`, pdu]),
          'OK',
        ];
      case 'CMGD':
        return [this.stored.delete(Number(value)) ? 'OK' : '+CMS ERROR: 321'];
      case 'CMGS':
        return this.#prompt(Number(value));
      default:
        return ['ERROR'];
    }
  }

  #unlock(value: string): string[] {
    if (!this.#locked) return ['+CME ERROR: 3'];
    if (value === `"${this.behaviour.pin}"`) {
      this.#locked = false;
      return ['OK'];
    }
    this.behaviour.pinTries--;
    return ['+CME ERROR: 16'];
  }

  #prompt(length: number): undefined {
    if (this.#hangs('before the prompt')) return;
    this.#awaiting = { length };
    this.#write(this.behaviour.prompt);
  }

  #submit(pdu: string, length: number): void {
    this.clock += this.behaviour.submitMs;
    const answer = this.#answerTo(pdu, length);
    if (answer === undefined) return;
    this.#final(...answer);
    const last = this.taken.at(-1);
    if (answer[0]!.startsWith('+CMGS') && last?.statusReport) {
      const status = this.behaviour.report(last);
      if (status !== undefined) this.reportOn(last, status);
    }
  }

  /** What the network makes of a PDU; undefined where the modem hangs. */
  #answerTo(pdu: string, length: number): string[] | undefined {
    const { refusesValidity, registration, references, answer } = this.behaviour;
    let submitted: Submitted;
    try {
      submitted = readSubmit(pdu, length);
    } catch {
      return ['+CMS ERROR: 304'];
    }
    if (refusesValidity && submitted.validityMs !== undefined) return ['+CMS ERROR: 304'];
    if (registration !== 1 && registration !== 5) return ['+CMS ERROR: 331'];
    const error = answer(submitted, this.taken.length);
    if (error !== undefined) return [error];
    if (this.#hangs('before it took the PDU')) return undefined;
    this.#reference = (this.#reference + 1) & 0xff;
    const reference = references === 'zero' ? 0 : this.#reference;
    this.taken.push({ ...submitted, at: this.clock, reference });
    if (this.#hangs('after it took the PDU')) return undefined;
    return [`+CMGS: ${references === 'counting' ? reference : 0}`, 'OK'];
  }

  /** Its status report, in the way that AT+CNMI asked for. */
  reportOn({ reference, to, at }: Pick<Modem['taken'][number], 'reference' | 'to' | 'at'>, status: number): void {
    const pdu = writeStatusReport({ reference, to, takenAt: at, doneAt: at + 2_000, status });
    if (this.#cnmi.reports === 1) this.say(`+CDS: ${tpduLength(pdu)}`, pdu);
    else if (this.#cnmi.reports === 2) this.store(pdu, 'CDSI');
  }

  /** Whether it is time to hang, and this is the point at which it does. */
  #hangs(point: (typeof HANGS)[number]): boolean {
    if (this.clock - this.#hungAt < this.behaviour.hangEveryMs) return false;
    if (HANGS[this.hangs.length % HANGS.length] !== point) return false;
    this.#hungAt = this.clock;
    this.hangs.push(point);
    this.deaf = true;
    return true;
  }
}

const tpduLength = (pdu: string) => pdu.length / 2 - 1 - Number.parseInt(pdu.slice(0, 2), 16);
