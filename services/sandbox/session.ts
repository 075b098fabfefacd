// One line to the SMSC: cuts the octets into PDUs, keeps the bind's state, and writes all answers of one turn of the
// event loop at once. What a submit_sm or bind means is decided in smsc.ts.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Account, Delivery } from './account.ts';
import type { Behaviour } from './behaviour.ts';
import {
  type Bind,
  command,
  HEADER_OCTETS,
  MAX_PDU_OCTETS,
  Malformed,
  RESPONSE_BIT,
  readBind,
  readSubmit,
  type Submit,
  status,
} from './pdu.ts';
import { PduWriter } from './pdu-writer.ts';

/** A line that has not bound after this long is closed (SMPP 3.4, 7.2: session_init_timer). */
const SESSION_INIT_MS = 30_000;
const SYSTEM_ID = 'sandbox';

/** What a line asks of the SMSC behind it. */
export type MessageCentre = {
  behaviour: Behaviour;
  /** Joins the session to its account and returns that, or the command_status that refuses the bind. */
  bind(session: Session, bind: Bind): Account | number;
  /** Takes a submit_sm that was read at `at` (epoch ms), or a number: the command_status that a malformed one earns. */
  submit(session: Session, account: Account, submit: Submit | number, sequence: number, at: number): void;
};

export class Session {
  readonly number: number;
  readonly inFlight = new Map<number, Delivery>();
  account: Account | undefined;
  /** submit_sm whose answers are still to come. */
  unanswered = 0;
  canReceive = false;
  #canSubmit = false;
  #closed = false;
  #socket: Socket;
  #centre: MessageCentre;
  #chunks: Buffer[] = [];
  #waitingOctets = 0;
  #neededOctets = 4;
  #writer = new PduWriter();
  #flushDue = false;
  #isBlocked = false;
  #sequence = 0;

  constructor(socket: Socket, number: number, centre: MessageCentre) {
    this.number = number;
    this.#socket = socket;
    this.#centre = centre;
    socket.setNoDelay(true);
    socket.setTimeout(SESSION_INIT_MS, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#leave());
    socket.on('drain', () => {
      this.#isBlocked = false;
      this.updateReading();
    });
    this.updateReading();
  }

  get canAnswer(): boolean {
    return !this.#closed && !this.#centre.behaviour.silent;
  }

  /** Reads on unless the `stopReading` fault is set or the client does not take its answers. */
  updateReading(): void {
    if (this.#centre.behaviour.stopReading || this.#isBlocked) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Sends a response, with a C-Octet String as its body where one is given. */
  respond(commandId: number, commandStatus: number, sequence: number, body?: string): void {
    if (!this.canAnswer) return;
    this.#writer.response((commandId | RESPONSE_BIT) >>> 0, commandStatus, sequence, body);
    this.#flushSoon();
  }

  deliver(delivery: Delivery): void {
    this.#sequence = (this.#sequence % 0x7fffffff) + 1;
    this.inFlight.set(this.#sequence, delivery);
    this.#writer.deliver(this.#sequence, delivery);
    this.#flushSoon();
  }

  /** Cuts the line without an unbind. Answers already given still leave. */
  drop(): void {
    this.#flush();
    this.#leave();
    if (this.#centre.behaviour.resetLines && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushDue = false;
    if (this.#writer.length === 0 || !this.#socket.writable) return;
    if (!this.#socket.write(this.#writer.take())) {
      this.#isBlocked = true;
      this.updateReading();
    }
  }

  /** Chunks are joined only once a whole PDU is there, so that trickled octets cost no more than fast ones. */
  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#chunks.push(chunk);
    this.#waitingOctets += chunk.length;
    if (this.#waitingOctets < this.#neededOctets) return;
    const at = performance.timeOrigin + performance.now();
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let offset = 0;
    this.#neededOctets = 4;
    while (data.length - offset >= 4) {
      const length = data.readUInt32BE(offset);
      if (length < HEADER_OCTETS || length > MAX_PDU_OCTETS) {
        this.#refuseLength(data, offset);
        return;
      }
      if (data.length - offset < length) {
        this.#neededOctets = length;
        break;
      }
      this.#onPdu(data, offset, offset + length, at);
      if (this.#closed) return;
      offset += length;
    }
    this.#waitingOctets = data.length - offset;
    this.#chunks = this.#waitingOctets === 0 ? [] : [data.subarray(offset)];
  }

  /** After a command_length that cannot be, no one knows where the next PDU begins: generic_nack, and the line ends. */
  #refuseLength(data: Buffer, offset: number): void {
    const sequence = data.length - offset >= HEADER_OCTETS ? data.readUInt32BE(offset + 12) : 0;
    this.respond(command.generic_nack, status.ESME_RINVCMDLEN, sequence);
    this.#end();
  }

  #end(): void {
    this.#flush();
    this.#leave();
    this.#socket.setTimeout(SESSION_INIT_MS); // for a client that does not take the last answer
    this.#socket.end(() => this.#socket.destroy());
  }

  #leave(): void {
    this.#closed = true;
    this.#chunks = [];
    this.account?.leave(this);
    this.account = undefined;
  }

  #onPdu(data: Buffer, start: number, end: number, at: number): void {
    const commandId = data.readUInt32BE(start + 4);
    const sequence = data.readUInt32BE(start + 12);
    const body = start + HEADER_OCTETS;
    switch (commandId) {
      case command.submit_sm:
        this.#onSubmit(data, body, end, sequence, at);
        break;
      case (command.deliver_sm | RESPONSE_BIT) >>> 0:
        this.account?.delivered(this, sequence, data.readUInt32BE(start + 8));
        break;
      case command.enquire_link:
        if (!this.#centre.behaviour.ignoreEnquireLink) this.respond(commandId, status.ESME_ROK, sequence);
        break;
      case command.bind_transmitter:
      case command.bind_receiver:
      case command.bind_transceiver:
        this.#onBind(commandId, data, body, end, sequence);
        break;
      case command.unbind:
        this.respond(commandId, status.ESME_ROK, sequence);
        this.#end();
        break;
      default:
        // A response that no one asked for, generic_nack among them, is not answered: two sides could go on for ever.
        if (commandId < RESPONSE_BIT) this.respond(command.generic_nack, status.ESME_RINVCMDID, sequence);
    }
  }

  #onSubmit(data: Buffer, body: number, end: number, sequence: number, at: number): void {
    if (this.account === undefined || !this.#canSubmit) {
      this.respond(command.submit_sm, status.ESME_RINVBNDSTS, sequence);
    } else {
      this.#centre.submit(this, this.account, orStatus(readSubmit, data, body, end), sequence, at);
    }
  }

  #onBind(commandId: number, data: Buffer, body: number, end: number, sequence: number): void {
    if (this.#centre.behaviour.silent) return;
    const account = this.#join(orStatus(readBind, data, body, end));
    if (typeof account === 'number') {
      this.respond(commandId, account, sequence);
      return;
    }
    this.account = account;
    this.canReceive = commandId !== command.bind_transmitter;
    this.#canSubmit = commandId !== command.bind_receiver;
    this.#socket.setTimeout(0);
    this.#writer.bound((commandId | RESPONSE_BIT) >>> 0, sequence, SYSTEM_ID);
    this.#flushSoon();
    account.pump();
  }

  #join(bind: Bind | number): Account | number {
    if (this.account !== undefined) return status.ESME_RALYBND;
    return typeof bind === 'number' ? bind : this.#centre.bind(this, bind);
  }
}

/** What `read` reads in the buffer, or the command_status of what is wrong there. */
function orStatus<T>(read: (data: Buffer, body: number, end: number) => T, data: Buffer, body: number, end: number) {
  try {
    return read(data, body, end);
  } catch (error) {
    if (error instanceof Malformed) return error.status;
    throw error;
  }
}
