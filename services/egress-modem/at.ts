// The line protocol of a modem: one command at a time, its answer by line, and what the modem says unasked in between
// (3GPP TS 27.007, 4 and TS 27.005, 3 and 4). A modem that does not answer in time is taken as hung: this line ends.
import type { Duplex } from 'node:stream';

const ESC = '\x1b';
const CTRL_Z = '\x1a';
/** A line, and an answer, that are longer are no modem's. */
const MOST_LINE = 4_096;
const MOST_LINES = 4_096;
const SYNC = { longest: 700, tries: 4, quiet: 250 };

/** Always unasked, whatever is under way. Makers' own begin with ^ (Huawei), % or * (others). */
const UNASKED = /^(\+(CMTI|CDSI|CDS|CMT|CBM|CRING|CLIP|CUSD|CCWA|CIEV|CTZV)\b|RING\b|[\^%*])/;
/** Unasked, with a PDU in the next line of hex. */
const WITH_PDU = /^\+(CDS|CMT|CBM):/;
const HEX = /^[0-9A-Fa-f]{8,}$/;
const FAULT = /^(?:\+(CM[ES]) ERROR:\s*(.*)|ERROR|COMMAND NOT SUPPORT|NO CARRIER|TOO MANY PARAMETERS)$/i;

export type FaultKind =
  /** The modem said no. */
  | 'refused'
  /** No answer in time, or the line is gone: nothing more will come. */
  | 'silent'
  | 'closed';

/** `code` is that of `+CMS ERROR` or `+CME ERROR`. `handed`: the PDU was with the modem already. */
export class AtFault extends Error {
  override name = 'AtFault';
  readonly kind: FaultKind;
  readonly family: 'CMS' | 'CME' | undefined;
  readonly code: number | undefined;
  readonly handed: boolean;

  constructor(
    message: string,
    kind: FaultKind,
    more: { family?: 'CMS' | 'CME'; code?: number; handed?: boolean | undefined } = {},
  ) {
    super(message);
    this.kind = kind;
    this.family = more.family;
    this.code = more.code;
    this.handed = more.handed ?? false;
  }
}

/** A line that the modem sent unasked, with the PDU that follows it where one does. */
export type Unasked = { line: string; pdu?: string };

export type AtEvents = {
  unasked(said: Unasked): void;
  /** Once: the modem is hung or gone. */
  ended(reason: string): void;
};

export type At = {
  /** Gets the modem's attention, whatever was under way before. Before any command, and awaited. */
  sync(): Promise<void>;
  /** The lines of the answer, without the OK. Commands wait for each other. */
  command(text: string, timeoutMs?: number): Promise<string[]>;
  /** AT+CMGS: hands a PDU over and gives the message reference, or undefined where the modem tells none. */
  submit(pdu: { hex: string; length: number }): Promise<number | undefined>;
  /** Sends without waiting for an answer: for a reset. */
  shout(text: string): void;
  /** Ends it: what waits is rejected. Closing the port is the caller's. */
  end(reason: string): void;
};

type Command = {
  /** As it stands in errors: never a PDU or a PIN. */
  name: string;
  text: string;
  /** Sent when the modem shows its prompt. */
  pdu?: string;
  handed: boolean;
  lines: string[];
  answered(lines: string[]): void;
  failed(fault: AtFault): void;
};

export type AtOptions = { answerTimeout: number; submitTimeout: number };

export function openAt(port: Duplex, { answerTimeout, submitTimeout }: AtOptions, events: AtEvents): At {
  let current: Command | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let buffer = '';
  let header: Unasked | 'answer' | undefined;
  let over: string | undefined;

  function end(reason: string, kind: FaultKind = 'closed'): void {
    if (over !== undefined) return;
    over = reason;
    clearTimeout(timer);
    port.off('data', read);
    port.off('close', closed);
    const command = current;
    current = undefined;
    command?.failed(new AtFault(reason, kind, { handed: command.handed }));
    events.ended(reason);
  }

  const closed = () => end('the device was unplugged or its port closed');
  const read = (data: Buffer | string) => {
    buffer += data.toString('latin1');
    const lines = buffer.split(/[\r\n]/);
    buffer = lines.pop()!;
    for (const line of lines) takeLine(line.trim());
    if (buffer.length > MOST_LINE) buffer = '';
    if (current?.pdu !== undefined && !current.handed && /^\s*>/.test(buffer)) {
      buffer = '';
      handPdu(current);
    }
  };
  port.on('data', read);
  port.on('close', closed);
  port.on('error', (error: Error) => end(`the port failed: ${error.message}`));

  function takeLine(line: string): void {
    if (line === '' || over !== undefined) return;
    if (header !== undefined && header !== 'answer' && HEX.test(line)) {
      const said = { ...header, pdu: line };
      header = undefined;
      events.unasked(said);
    } else if (WITH_PDU.test(line)) header = { line };
    else if (!current || UNASKED.test(line)) events.unasked({ line });
    else if (!isEcho(line, current)) takeAnswer(line, current);
  }

  function takeAnswer(line: string, command: Command): void {
    const fault = FAULT.exec(line);
    const wantsPdu = command.pdu !== undefined && !command.handed;
    if (line.startsWith('>')) {
      if (wantsPdu) handPdu(command);
    } else if (line === 'OK') {
      // Before the prompt it is the late end of something else.
      if (!wantsPdu) settle(command).answered(command.lines);
    } else if (fault) settle(command).failed(refusal(command, line, fault));
    else {
      if (/^\+CMG[RL]:/.test(line)) header = 'answer';
      if (command.lines.length < MOST_LINES) command.lines.push(line);
    }
  }

  function settle(command: Command): Command {
    current = undefined;
    if (header === 'answer') header = undefined;
    clearTimeout(timer);
    return command;
  }

  function handPdu(command: Command): void {
    command.handed = true;
    expect(command, submitTimeout);
    port.write(`${command.pdu}${CTRL_Z}`);
  }

  /** The line ends when the answer is not there in time: what comes later could be taken for another one's. */
  function expect(command: Command, ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => end(`no answer to ${command.name} within ${Math.ceil(ms / 1_000)} s`, 'silent'), ms);
  }

  function run(text: string, ms: number, pdu?: string): Promise<string[]> {
    const result = queue.then(
      () =>
        new Promise<string[]>((answered, failed) => {
          if (over !== undefined) throw new AtFault(over, 'closed');
          const name = nameOf(text);
          current = { name, text, handed: false, lines: [], answered, failed, ...(pdu === undefined ? {} : { pdu }) };
          expect(current, ms);
          port.write(`${text}\r`);
        }),
    );
    queue = result.catch(() => {});
    return result;
  }

  /** One try of `sync`: whether the modem said anything to AT. Some answer ERROR to it and are awake all the same. */
  function isAwake(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (over !== undefined) throw new AtFault(over, 'closed');
      const failed = (fault: AtFault) => (fault.kind === 'refused' ? resolve(true) : reject(fault));
      current = { name: 'AT', text: 'AT', handed: false, lines: [], answered: () => resolve(true), failed };
      timer = setTimeout(
        () => {
          current = undefined;
          resolve(false);
        },
        Math.min(SYNC.longest, answerTimeout),
      );
      port.write('AT\r');
    });
  }

  async function sync(): Promise<void> {
    port.write(ESC);
    for (let tries = 1; tries <= SYNC.tries; tries++) {
      if (!(await isAwake())) continue;
      // What it answers to ESC and to earlier tries may still be under way.
      await new Promise((resolve) => setTimeout(resolve, SYNC.quiet));
      return;
    }
    const reason = 'the modem does not answer to AT';
    end(reason, 'silent');
    throw new AtFault(reason, 'silent');
  }

  return {
    sync,
    command: (text, ms = answerTimeout) => run(text, ms),
    async submit({ hex, length }) {
      const lines = await run(`AT+CMGS=${length}`, answerTimeout, hex);
      const reference = /^\+CMGS:\s*(\d{1,3})/.exec(lines.find((line) => line.startsWith('+CMGS:')) ?? '')?.[1];
      return reference === undefined ? undefined : Number(reference) & 0xff;
    },
    shout: (text) => void port.write(`${text}\r`),
    end,
  };
}

/** What stands before the first `=`: behind it may be a PIN. */
const nameOf = (text: string) => text.split(/[=?]/)[0]!;

/** The command again, as a modem with its echo on sends it, or the PDU behind the prompt. */
function isEcho(line: string, { text, pdu }: Command): boolean {
  const bare = line.replace(/^>\s*/, '').replaceAll(CTRL_Z, '').replace(/^\x1b/, '').trim();
  return bare === text || (pdu !== undefined && bare === pdu);
}

function refusal(command: Command, line: string, fault: RegExpExecArray): AtFault {
  const family = fault[1]?.toUpperCase() as 'CMS' | 'CME' | undefined;
  const code = /^\d{1,5}$/.test(fault[2] ?? '') ? Number(fault[2]) : undefined;
  return new AtFault(`${command.name}: ${line.slice(0, 80)}`, 'refused', {
    ...(family ? { family } : {}),
    ...(code === undefined ? {} : { code }),
    handed: command.handed,
  });
}
