// The sandbox SMSC: lines, accounts and binds of SMPP 3.4, incoming messages, and the switches for all of it.
// A newcomer's first SMS arrives here, and in tests and benchmarks it is the far side of the gateway.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { encodeGsm7, isGsm7 } from '#shared/sms/gsm7.ts';
import { Account, type DeliveryCounters } from './account.ts';
import { asUsual, type Behaviour, type BehaviourUpdate, change } from './behaviour.ts';
import { type Address, type Bind, status, tag } from './pdu.ts';
import { Session } from './session.ts';
import { type Received, Submits } from './submits.ts';

export type { Received } from './submits.ts';

const MAX_LINES = 1000;
const MAX_ACCOUNTS = 1000;

export type SmscOptions = BehaviourUpdate & {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  /** Who may bind; default: anyone. */
  accounts?: { systemId: string; password: string }[];
  /** So many received messages are kept in `received` (at least nine tenths of it); default 10,000, 0: all. */
  keep?: number;
  /** Key and certificate; default: plain TCP. */
  tls?: TlsOptions;
};

export type Incoming = { from: string; to: string; text: string; account?: string };
export type Binds = { now: number; max: number };
export type Counters = {
  /** Lines that were ever opened. */
  lines: number;
  /** submit_sm on bound lines: taken and refused ones. */
  submits: number;
  taken: number;
  refused: number;
  deliveries: DeliveryCounters & { waiting: number; inFlight: number };
};

/** Starts an SMSC that listens when the promise is kept; a taken port rejects it with an error of one line. */
export async function startSmsc(options: SmscOptions = {}): Promise<Smsc> {
  const { host = '127.0.0.1', port = 0, accounts, keep = 10_000, tls, ...update } = options;
  const smsc = new Smsc(accounts, keep === 0 ? Number.POSITIVE_INFINITY : keep, update);
  await smsc.listen(host, port, tls);
  return smsc;
}

export class Smsc {
  port = 0;
  readonly behaviour: Behaviour = structuredClone(asUsual);
  #submits: Submits;
  #logins: { systemId: string; password: string }[] | undefined;
  #accounts = new Map<string, Account>();
  #sessions = new Set<Session>();
  /** The TCP sockets below the sessions, those in a TLS handshake included. */
  #sockets = new Set<Socket>();
  #server: Server | undefined;
  #lines = 0;
  #maxBinds = 0;

  constructor(logins: SmscOptions['accounts'], keep: number, update: BehaviourUpdate) {
    this.#logins = logins;
    change(this.behaviour, update);
    this.#submits = new Submits(this.behaviour, keep);
  }

  listen(host: string, port: number, tls: TlsOptions | undefined): Promise<void> {
    const onLine = (socket: Socket) => this.#onLine(socket);
    const server = tls === undefined ? createServer(onLine) : createTlsServer(tls, onLine);
    server.maxConnections = MAX_LINES;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        this.port = (server.address() as { port: number }).port;
        resolve();
      });
    });
  }

  /** Every well-formed submit_sm, the oldest first; refused ones too (`commandStatus`). */
  get received(): Received[] {
    return this.#submits.received;
  }

  /** Changes what `update` names (behaviour.ts) from the next PDU on; throws on unknown keys or values out of range. */
  set(update: BehaviourUpdate): void {
    change(this.behaviour, update);
    for (const session of this.#sessions) session.updateReading();
    for (const account of this.#accounts.values()) account.pump();
  }

  /** Calls `listener` with every submit_sm that was read, before it is answered. Returns what ends that. */
  onSubmit(listener: (received: Received) => void): () => void {
    this.#submits.listeners.add(listener);
    return () => this.#submits.listeners.delete(listener);
  }

  /** Binds at this moment and the most there ever were at a time: of one account, or of all together. */
  binds(systemId?: string): Binds {
    if (systemId === undefined) return { now: this.#bindsNow(), max: this.#maxBinds };
    const account = this.#accounts.get(systemId);
    return { now: account?.sessions.size ?? 0, max: account?.maxBindsSeen ?? 0 };
  }

  accounts(): string[] {
    return [...this.#accounts.keys()];
  }

  counters(): Counters {
    const deliveries = { waiting: 0, inFlight: 0, sent: 0, acknowledged: 0, again: 0, lost: 0 };
    for (const account of this.#accounts.values()) {
      deliveries.waiting += account.waiting;
      for (const session of account.sessions) deliveries.inFlight += session.inFlight.size;
      for (const key of ['sent', 'acknowledged', 'again', 'lost'] as const) deliveries[key] += account.counters[key];
    }
    return { lines: this.#lines, ...this.#submits.counters, deliveries };
  }

  /** Cuts every line, bound or not. */
  dropAll(): void {
    for (const session of this.#sessions) session.drop();
  }

  /** Sends the receipt of a kept message once more, by the rules of now. Throws if there is no such message. */
  sendReceiptAgain(messageId: string): void {
    const received = this.received.findLast(
      (one) => one.commandStatus === status.ESME_ROK && one.messageId === messageId,
    );
    if (received === undefined) throw new Error(`sandbox: no message ${messageId} is kept`);
    this.#submits.sendReceipt(this.#accounts.get(received.account)!, received);
  }

  /**
   * Sends an incoming message to `account`, or to the first one with a receiver or transceiver; in GSM 7-bit where the
   * text allows, else in UCS-2. Throws if no one is bound to receive it.
   */
  deliver({ from, to, text, account: systemId }: Incoming): void {
    const account = [...this.#accounts.values()].find(
      (one) =>
        (systemId === undefined || one.systemId === systemId) && [...one.sessions].some(({ canReceive }) => canReceive),
    );
    if (account === undefined) throw new Error('sandbox: no receiver or transceiver is bound for this message');
    const isGsm = isGsm7(text);
    const octets = isGsm ? encodeGsm7(text) : Buffer.from(text, 'utf16le').swap16();
    const isShort = octets.length <= 254;
    account.deliver({
      source: address(from),
      dest: address(to),
      esmClass: 0,
      dataCoding: isGsm ? 0 : 8,
      shortMessage: isShort ? octets : Buffer.alloc(0),
      tlvs: isShort ? [] : [[tag.message_payload, octets]],
      bind: 0,
    });
  }

  /** Cuts every line and stops listening. What waited for delivery is gone. */
  stop(): Promise<void> {
    this.dropAll();
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => {
      if (this.#server?.listening) this.#server.close(() => resolve());
      else resolve();
    });
  }

  #onLine(socket: Socket): void {
    const session = new Session(socket, ++this.#lines, {
      behaviour: this.behaviour,
      bind: (one, bind) => this.#bind(one, bind),
      submit: (one, account, submit, sequence, at) => this.#submits.take(one, account, submit, sequence, at),
    });
    this.#sessions.add(session);
    socket.once('close', () => this.#sessions.delete(session));
  }

  #bindsNow(): number {
    let binds = 0;
    for (const account of this.#accounts.values()) binds += account.sessions.size;
    return binds;
  }

  #bind(session: Session, { systemId, password }: Bind): Account | number {
    if (this.behaviour.refuseBinds !== 0) return this.behaviour.refuseBinds;
    if (this.#logins !== undefined) {
      const login = this.#logins.find((one) => one.systemId === systemId);
      if (login === undefined) return status.ESME_RINVSYSID;
      if (!isSameSecret(login.password, password)) return status.ESME_RINVPASWD;
    }
    let account = this.#accounts.get(systemId);
    if (account === undefined) {
      if (this.#accounts.size >= MAX_ACCOUNTS) return status.ESME_RBINDFAIL;
      account = new Account(systemId, this.behaviour);
      this.#accounts.set(systemId, account);
    }
    if (this.behaviour.maxBinds > 0 && account.sessions.size >= this.behaviour.maxBinds) return status.ESME_RBINDFAIL;
    account.join(session);
    this.#maxBinds = Math.max(this.#maxBinds, this.#bindsNow());
    return account;
  }
}

function isSameSecret(one: string, other: string): boolean {
  const hash = (secret: string) => createHash('sha256').update(secret).digest();
  return timingSafeEqual(hash(one), hash(other));
}

/** International for +digits, alphanumeric for letters, else unknown (SMPP 3.4, 5.2.5). */
function address(text: string): Address {
  if (/^\+\d+$/.test(text)) return { ton: 1, npi: 1, addr: text.slice(1) };
  return /^\d+$/.test(text) ? { ton: 0, npi: 1, addr: text } : { ton: 5, npi: 0, addr: text };
}
