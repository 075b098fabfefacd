// The SMPP door: who may connect and bind, how often, and what is theirs.
import type { Server, Socket } from 'node:net';
import net from 'node:net';
import tls from 'node:tls';
import type { PDU } from 'smpp';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { refuse } from '#shared/doors/accept.ts';
import { denialOf, openCredentials, type Verified } from '#shared/doors/credentials.ts';
import type { Pems } from '#shared/doors/pems.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { Deliveries } from './deliveries.ts';
import { type Asker, openRequests, type Requests } from './requests.ts';
import { Session } from './session.ts';

/** For the answers to the receipts that are on their way when the gateway stops. */
const DRAIN_MS = 2_000;
/** Connections without a bind: a share of what is allowed, so that they cannot keep clients out. */
const UNBOUND_SHARE = 0.4;
const TICK_MS = 1_000;
const NETWORK = { detail: 'its address is in none of the networks of the client' };
const HANDSHAKE_MS = 10_000;

export type DoorOptions = {
  config: Pick<Config, 'clients' | 'callbacks'>;
  listener: NonNullable<Config['listen']['smpp']>;
  /** PEM. */
  pems: Pems | undefined;
  bus: Bus;
  log: Log;
};

export class SmppDoor {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #credentials;
  readonly #requests: Requests;
  readonly #sessions = new Set<Session>();
  readonly #binds = new Map<string, number>();
  readonly #deliveries = new Map<string, Deliveries>();
  /** By client: slow password hashes run one after another, so that many binds at once do not refuse each other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: DoorOptions) {
    const { config, listener, pems, bus, log } = options;
    this.#options = options;
    this.#credentials = openCredentials(config.clients);
    this.#requests = openRequests(bus, log);
    const accept = (socket: Socket) => this.#accept(socket);
    // A client may close its half of the line and still read its answers. TLS has no such half, and a handshake that the
    // client left would keep its connection.
    this.#server = pems
      ? tls.createServer({ ...pems, handshakeTimeout: HANDSHAKE_MS }, accept)
      : net.createServer({ allowHalfOpen: true }, accept);
    this.#server.maxConnections = listener.maxConnections;
    this.#server.on('drop', (dropped) => refuse('smpp', 'connections', dropped?.remoteAddress ?? ''));
  }

  /** Resolves with the port; rejects when the address cannot be had. */
  listen(): Promise<number> {
    const { host, port } = this.#options.listener;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        // Such as too many open files: who is connected stays, and the next may come in again.
        this.#server.on('error', (error) => this.#options.log.error({ reason: reasonOf(error) }, 'cannot accept'));
        resolve((this.#server.address() as { port: number }).port);
      });
    });
  }

  /** For connections from now on. */
  renew(pems: Pems): void {
    if (this.#server instanceof tls.Server) this.#server.setSecureContext(pems);
  }

  /** Takes no more, answers what is under way, unbinds. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const told = Promise.allSettled([...this.#deliveries.values()].map((deliveries) => deliveries.stop()));
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref())]);
    for (const session of this.#sessions) session.stop();
    await Promise.all([closed, told]);
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const unbound = [...this.#sessions].filter((session) => !session.bound).length;
    if (unbound >= Math.max(1, this.#options.listener.maxConnections * UNBOUND_SHARE)) {
      refuse('smpp', 'connections', address, undefined, { detail: 'too many connections without a bind' });
      socket.destroy();
      return;
    }
    let asker: Asker | undefined;
    let over = false;
    const session = new Session(socket, this.#options.listener.enquireLink, {
      bind: async (pdu) => {
        const verified = await this.#verified(pdu, address);
        if (typeof verified === 'number') return verified;
        const { name, client } = verified;
        if (over) return STATUS.RBINDFAIL!;
        if ((this.#binds.get(name) ?? 0) >= client.smpp.binds) {
          refuse('smpp', 'binds', address, name);
          return STATUS.RALYBND!;
        }
        asker = { name, client, address };
        this.#count(asker, 1);
        this.#options.log.debug({ client: asker.name, address, bind: pdu.command }, 'bound');
        return client.smpp;
      },
      request: (pdu) => this.#requests(asker!, pdu),
      receives: () => this.#quietly(this.#deliveriesOf(asker!).join(session)),
      ended: (reason) => {
        over = true;
        this.#sessions.delete(session);
        if (!asker) return;
        this.#count(asker, -1);
        this.#quietly(this.#deliveries.get(asker.name)?.leave(session));
        this.#options.log.debug({ client: asker.name, address, reason }, 'session over');
      },
    });
    this.#sessions.add(session);
  }

  /** The same answer for a name that does not exist and a password that is wrong. */
  async #verified({ system_id, password }: PDU, address: string): Promise<Verified | number> {
    const name = String(system_id);
    const { clients } = this.#options.config;
    const no = (status: number, reason: string, known?: string) => {
      refuse('smpp', reason, address, known, known === undefined ? denialOf(name, false, clients) : NETWORK);
      return status;
    };
    const client = Object.hasOwn(clients, name) ? clients[name] : undefined;
    if (client && !this.#credentials.allows({ name, client }, address)) return no(STATUS.RBINDFAIL!, 'network', name);
    const verified = await this.#verify(name, String(password), address);
    return verified ?? no(STATUS.RINVPASWD!, 'authorization');
  }

  async #verify(name: string, password: string, address: string): Promise<Verified | undefined> {
    const verify = async () => this.#credentials.verify(name, password, address);
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(verify, verify);
    this.#turns.set(name, mine);
    return mine.finally(() => {
      if (this.#turns.get(name) === mine) this.#turns.delete(name);
    });
  }

  #count({ name }: Asker, change: 1 | -1): void {
    const binds = (this.#binds.get(name) ?? 0) + change;
    this.#binds.set(name, binds);
    metrics.clientSessions.labels(name).set(binds);
  }

  #deliveriesOf({ name, client }: Asker): Deliveries {
    let deliveries = this.#deliveries.get(name);
    if (!deliveries) {
      const { receiptWindow: window, messageIds } = client.smpp;
      const { giveUpAfter } = this.#options.config.callbacks;
      deliveries = new Deliveries({ client: name, window, messageIds, giveUpAfter, bus: this.#options.bus });
      this.#deliveries.set(name, deliveries);
    }
    return deliveries;
  }

  /** The broker may go away in the middle of it: the consumer reads again when it is back. */
  #quietly(step: Promise<void> | undefined): void {
    step?.catch((error) => this.#options.log.warn({ reason: reasonOf(error) }, 'receipts wait for the broker'));
  }

  #tick(): void {
    const now = performance.now();
    for (const session of this.#sessions) session.tick(now);
  }
}
