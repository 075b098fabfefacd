// One SMPP session to a provider: connect, bind, keep alive, submit with a window, hand deliver_sm on. It ends once, for
// any reason, and tells what was not answered.
import net from 'node:net';
import tls from 'node:tls';
import type { PDU, Session } from 'smpp';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Pems } from '#shared/http/pems.ts';
import { newPdu, newSession, sendCorked, statusName } from '#shared/smpp/library.ts';

type Provider = ProviderOf<'smpp'>;

const CONNECT_TIMEOUT_MS = 10_000;
const INTERFACE_VERSION = { '3.3': 0x33, '3.4': 0x34, '5.0': 0x50 } as const;
const TICK_MS = 1_000;

export type BindCommand = 'bind_transceiver' | 'bind_transmitter' | 'bind_receiver';
/** `lost`: no answer came and none will. */
export type Answer = { status: number; messageId: string } | 'lost';

/** Where to bind, and as whom. */
export type Endpoint = { host: string; port: number; systemId: string; password: string };
/** What the sessions of a provider share. */
export type Line = { provider: Provider; pems: Pems };

export type SessionEvents = {
  /** Answer with command_status once it is dealt with. */
  deliver(pdu: PDU, respond: (status: number) => void): void;
  /** Once, after a successful bind. Submits without an answer have been told `lost`. */
  ended(reason: string): void;
};

export type SmppSession = {
  inFlight(): number;
  submit(pdu: PDU, answered: (answer: Answer) => void): void;
  /** Waits up to `ms` for answers that are under way, unbinds and closes. */
  close(ms: number): Promise<void>;
  /** Cuts the line now. */
  cut(reason: string): void;
};

/** Connects and binds. Fails with one line that names the host and what it said. */
export async function openSession(
  line: Line,
  endpoint: Endpoint,
  command: BindCommand,
  events: SessionEvents,
): Promise<SmppSession> {
  const socket = await connect(line, endpoint);
  const session = newSession(socket);
  try {
    await bind(session, line.provider, endpoint, command);
  } catch (error) {
    session.destroy();
    throw error;
  }
  return keep(session, line.provider, events);
}

function connect({ provider, pems }: Line, { host, port }: Endpoint): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = provider.tls
      ? tls.connect({
          host,
          port,
          servername: provider.tls.serverName ?? (net.isIP(host) ? undefined : host),
          minVersion: 'TLSv1.2',
          ...pems,
        })
      : net.connect({ host, port });
    socket.setNoDelay(true);
    const fail = (reason: string) => {
      socket.destroy();
      reject(new Error(`${host}:${port}: ${reason}`));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(`no connection within ${CONNECT_TIMEOUT_MS / 1_000} s`));
    socket.once('error', (error) => fail(error.message));
    socket.once(provider.tls ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function bind(session: Session, provider: Provider, endpoint: Endpoint, command: BindCommand): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = `${endpoint.host}:${endpoint.port}`;
    const timer = setTimeout(() => reject(new Error(`${where}: no answer to ${command}`)), CONNECT_TIMEOUT_MS);
    const failed = (reason: string) => {
      clearTimeout(timer);
      reject(new Error(`${where}: ${reason}`));
    };
    session.on('error', (error: Error) => failed(error.message));
    session.once('close', () => failed(`closed the line at ${command}`));
    const { systemId: system_id, password } = endpoint;
    const credentials = { system_id, password, system_type: provider.systemType };
    session.send(
      newPdu(command, { ...credentials, interface_version: INTERFACE_VERSION[provider.version] }),
      (answer) => {
        if (answer.command_status !== 0) return failed(`${command} refused: ${statusName(answer.command_status)}`);
        clearTimeout(timer);
        session.removeAllListeners('close');
        session.pause(); // A receipt may stand right behind the answer: it waits until someone listens.
        resolve();
      },
    );
  });
}

function keep(session: Session, provider: Provider, events: SessionEvents): SmppSession {
  const waiting = new Map<number, { since: number; answered: (answer: Answer) => void }>();
  let heardAt = performance.now();
  let askedAt = 0;
  let over = false;
  let emptied: (() => void) | undefined;

  function end(reason: string): void {
    if (over) return;
    over = true;
    clearInterval(ticker);
    session.destroy();
    const lost = [...waiting.values()];
    waiting.clear();
    for (const { answered } of lost) answered('lost');
    emptied?.();
    events.ended(reason);
  }

  function answered(sequence: number, answer: Answer): void {
    const entry = waiting.get(sequence);
    if (!entry) return; // Answered twice, or after we gave up: the first verdict stands.
    waiting.delete(sequence);
    entry.answered(answer);
    if (waiting.size === 0) emptied?.();
  }

  session.removeAllListeners('error');
  session.on('error', (error: Error) => end(error.message));
  session.on('close', () => end('the provider closed the line'));
  session.on('pdu', () => {
    heardAt = performance.now();
  });
  session.on('submit_sm_resp', (pdu: PDU) => {
    answered(pdu.sequence_number, { status: pdu.command_status, messageId: String(pdu.message_id ?? '') });
  });
  session.on('generic_nack', (pdu: PDU) =>
    answered(pdu.sequence_number, { status: pdu.command_status || 0xff, messageId: '' }),
  );
  session.on('enquire_link', (pdu: PDU) => sendCorked(session, pdu.response()));
  session.on('unbind', (pdu: PDU) => {
    sendCorked(session, pdu.response());
    setImmediate(() => end('the provider unbound'));
  });
  session.on('deliver_sm', (pdu: PDU) => {
    events.deliver(pdu, (status) => {
      if (!over) sendCorked(session, pdu.response({ command_status: status }));
    });
  });
  session.on('unknown', (pdu: PDU) => sendCorked(session, pdu.response()));

  let lookedAt = performance.now();
  let stoodStill = false;
  const ticker = setInterval(() => {
    const now = performance.now();
    // After this process stood still, what came meanwhile is read before anything is called lost or silent.
    stoodStill = !stoodStill && now - lookedAt > TICK_MS * 1.5;
    lookedAt = now;
    if (stoodStill) return;
    for (const [sequence, { since }] of waiting) {
      if (now - since <= provider.responseTimeout) break; // They stand in the order in which they were sent.
      answered(sequence, 'lost');
    }
    const silent = now - heardAt;
    if (silent > provider.enquireLink * 2)
      return end(`silent for ${Math.round(silent / 1_000)} s, enquire_link not answered`);
    if (silent > provider.enquireLink && now - askedAt > provider.enquireLink) {
      askedAt = now;
      sendCorked(session, newPdu('enquire_link'));
    }
  }, TICK_MS);

  session.resume();
  return {
    inFlight: () => waiting.size,
    submit(pdu, done) {
      if (over || !sendCorked(session, pdu)) return done('lost');
      waiting.set(pdu.sequence_number, { since: performance.now(), answered: done });
    },
    async close(ms) {
      if (waiting.size > 0) {
        await Promise.race([
          new Promise<void>((resolve) => {
            emptied = resolve;
          }),
          new Promise((resolve) => setTimeout(resolve, ms).unref()),
        ]);
      }
      if (over) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        session.on('unbind_resp', () => {
          clearTimeout(timer);
          resolve();
        });
        sendCorked(session, newPdu('unbind'));
      });
      end('unbound');
    },
    cut: end,
  };
}
