// One session: its bind, its windows and its timers. What a bind or a submit means is the door's: see SessionHandlers.
import type { Socket } from 'node:net';
import type { PDU, PduFields } from 'smpp';
import { commandName, MOST_PDU_OCTETS, newPdu, readPdu, STATUS } from '#shared/smpp/library.ts';
import { Wire } from './wire.ts';

/** From the connection to a bind. */
const UNBOUND_MS = 10_000;
/** No PDU before a bind is longer. */
const MOST_UNBOUND_OCTETS = 1_024;
/** For the answer to a deliver_sm. */
const ANSWER_MS = 30_000;
/**
 * For so long after its bind a transceiver gets answers only: LinOTP binds, submits, and takes whatever comes next for
 * its submit_sm_resp.
 */
const QUIET_MS = 3_000;
const SYSTEM_ID = 'hermod';
const VERSION = 0x34;
const RESPONSE_BIT = 0x80000000;
const MOST_SEQUENCE = 0x7fffffff;

const ROLES = {
  bind_receiver: { submits: false, receives: true },
  bind_transmitter: { submits: true, receives: false },
  bind_transceiver: { submits: true, receives: true },
} as const;
type BindCommand = keyof typeof ROLES;
const isBind = (command: string): command is BindCommand => Object.hasOwn(ROLES, command);
const REQUESTS = new Set(['submit_sm', 'submit_multi', 'query_sm', 'cancel_sm']);

export type Answer = { status: number; fields?: PduFields };
/** `lost`: the session ended, or the client did not answer in time. */
export type Delivered = number | 'lost';

export type SessionHandlers = {
  /** The window of a session that may bind, or the command_status that refuses it. */
  bind(pdu: PDU): Promise<{ window: number } | number>;
  request(pdu: PDU): Answer | Promise<Answer>;
  /** From now on it takes receipts. */
  receives(): void;
  /** Once: it is no bind any more. What the client had sent may still come out of it as requests. */
  ended(reason: string): void;
};

export class Session {
  readonly #wire: Wire;
  readonly #enquireLink: number;
  readonly #handlers: SessionHandlers;
  readonly #delivering = new Map<number, { since: number; answered: (answer: Delivered) => void }>();
  #role: (typeof ROLES)[BindCommand] | undefined;
  #window = 1;
  #unanswered = 0;
  #binding = false;
  #receives = false;
  /** What is left to say, once everything before it is answered. */
  #farewell: (() => void) | undefined;
  #over = false;
  #sequence = 0;
  #heardAt = performance.now();
  #askedAt = 0;
  /** Since the connection, and then since the bind. */
  #since = performance.now();

  /** `enquireLink` in ms. */
  constructor(socket: Socket, enquireLink: number, handlers: SessionHandlers) {
    this.#enquireLink = enquireLink;
    this.#handlers = handlers;
    this.#wire = new Wire(socket, MOST_UNBOUND_OCTETS, {
      ready: () => this.#process(),
      gone: () => this.#leave('the client cut the line'),
    });
  }

  get bound(): boolean {
    return this.#role !== undefined;
  }

  /** deliver_sm without an answer. */
  get delivering(): number {
    return this.#delivering.size;
  }

  deliver(fields: PduFields, answered: (answer: Delivered) => void): void {
    this.#delivering.set(this.#ask('deliver_sm', fields), { since: performance.now(), answered });
  }

  /** Once a second. `now` is monotonic. */
  tick(now: number): void {
    const silent = now - this.#heardAt;
    if (this.#role) this.#expire(now);
    if (!this.#role && now - this.#since > UNBOUND_MS) this.#end('no bind');
    else if (silent > this.#enquireLink * 2) this.#end(`silent for ${Math.round(silent / 1_000)} s`);
    else if (this.#role && now - this.#since > QUIET_MS) {
      this.#becomeReceiver();
      if (silent < this.#enquireLink || now - this.#askedAt < this.#enquireLink || this.#unanswered > 0) return;
      this.#askedAt = now;
      this.#ask('enquire_link');
    }
  }

  /** Answers what is under way, unbinds, and closes. */
  stop(): void {
    this.#farewell = () => {
      if (this.#role) this.#ask('unbind');
      this.#end('the gateway stops');
    };
    this.#process();
  }

  #expire(now: number): void {
    for (const [sequence, { since, answered }] of this.#delivering) {
      if (now - since < ANSWER_MS) return;
      this.#delivering.delete(sequence);
      answered('lost');
    }
  }

  // ── in ──

  /** Works off what has arrived, as far as the window allows. */
  #process(): void {
    while (!this.#binding && !this.#farewell && !this.#wire.blocked && this.#unanswered < this.#window) {
      const frame = this.#wire.next();
      if (frame) this.#handle(frame);
      else break;
    }
    if (this.#unanswered === 0 && !this.#binding) this.#rest();
    this.#wire.readOn();
  }

  /** Nothing is under way: time for what waits for that. */
  #rest(): void {
    this.#farewell?.();
    const { frames, ended } = this.#wire;
    if (frames.waiting > 0) return;
    if (frames.broken) {
      this.#respond('generic_nack', 0, STATUS.RINVCMDLEN!);
      this.#end('a command_length that cannot be');
    } else if (ended) this.#end('the client closed the line');
  }

  #handle(frame: Buffer): void {
    this.#heardAt = performance.now();
    const id = frame.readUInt32BE(4);
    const sequence = frame.readUInt32BE(12);
    const command = commandName(id) ?? '';
    if (id >= RESPONSE_BIT) this.#answered(sequence, frame.readUInt32BE(8));
    else if (command === 'enquire_link') this.#respond('enquire_link_resp', sequence, STATUS.ROK!);
    else if (command === 'unbind') {
      this.#farewell = () => {
        this.#respond('unbind_resp', sequence, STATUS.ROK!);
        this.#end('unbound');
      };
    } else if (isBind(command)) this.#bind(command, sequence, readPdu(frame));
    else if (REQUESTS.has(command)) this.#request(`${command}_resp`, sequence, readPdu(frame));
    else this.#respond('generic_nack', sequence, STATUS.RINVCMDID!);
  }

  #answered(sequence: number, status: number): void {
    const waiting = this.#delivering.get(sequence);
    if (!waiting) return; // To enquire_link, or to something that nobody asked.
    this.#delivering.delete(sequence);
    waiting.answered(status);
  }

  #bind(command: BindCommand, sequence: number, pdu: PDU | number): void {
    const answer = (status: number, fields?: PduFields) => this.#respond(`${command}_resp`, sequence, status, fields);
    if (this.#role) {
      answer(STATUS.RALYBND!);
      return;
    }
    const settle = (bound: { window: number } | number) => {
      this.#binding = false;
      if (typeof bound === 'number') {
        answer(bound);
        this.#end('not bound');
      } else {
        // SMPP 3.3 has no optional parameters.
        const told = typeof pdu !== 'number' && Number(pdu.interface_version) >= VERSION;
        answer(STATUS.ROK!, { system_id: SYSTEM_ID, ...(told ? { sc_interface_version: VERSION } : {}) });
        this.#bound(ROLES[command], bound.window);
      }
      this.#process();
    };
    this.#binding = true;
    if (typeof pdu === 'number') settle(pdu);
    else this.#handlers.bind(pdu).then(settle, () => settle(STATUS.RSYSERR!));
  }

  #bound(role: (typeof ROLES)[BindCommand], window: number): void {
    this.#role = role;
    this.#window = window;
    this.#wire.frames.most = MOST_PDU_OCTETS;
    this.#since = performance.now();
    if (!role.submits) this.#becomeReceiver();
  }

  #becomeReceiver(): void {
    if (!this.#role?.receives || this.#receives || this.#over) return;
    this.#receives = true;
    this.#handlers.receives();
  }

  #request(response: string, sequence: number, pdu: PDU | number): void {
    const respond = ({ status, fields }: Answer) => this.#respond(response, sequence, status, fields);
    const answer = this.#answerTo(pdu);
    if (!(answer instanceof Promise)) {
      respond(answer);
      return;
    }
    this.#unanswered++;
    const settle = (late: Answer) => {
      this.#unanswered--;
      respond(late);
      this.#process();
    };
    answer.then(settle, () => settle({ status: STATUS.RSYSERR! }));
  }

  #answerTo(pdu: PDU | number): Answer | Promise<Answer> {
    if (!this.#role?.submits) return { status: STATUS.RINVBNDSTS! };
    return typeof pdu === 'number' ? { status: pdu } : this.#handlers.request(pdu);
  }

  // ── out ──

  #respond(command: string, sequence: number, status: number, fields: PduFields = {}): void {
    this.#wire.send(newPdu(command, { ...fields, command_status: status, sequence_number: sequence }));
  }

  /** Returns the sequence_number. */
  #ask(command: string, fields: PduFields = {}): number {
    this.#sequence = (this.#sequence % MOST_SEQUENCE) + 1;
    this.#wire.send(newPdu(command, { ...fields, sequence_number: this.#sequence }));
    return this.#sequence;
  }

  #end(reason: string): void {
    this.#wire.close();
    this.#leave(reason);
  }

  #leave(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#handlers.ended(reason);
    const lost = [...this.#delivering.values()];
    this.#delivering.clear();
    for (const { answered } of lost) answered('lost');
  }
}
