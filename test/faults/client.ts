// A patient client at several doors, which remembers what was accepted, and how long a door took nothing.
import { Agent, get } from 'node:http';
import { createTransport } from 'nodemailer';
import type { Receiver } from './receiver.ts';
import type { Recipients } from './recipients.ts';
import { smppClient } from './smpp-client.ts';

const CONNECTIONS = 40;
const PATIENCE_MS = 60_000;
const ANSWER_WITHIN_MS = 5_000;
const AGAIN_MS = 100;

export const ACCOUNT = { systemId: 'tester', password: 'foobar' };
export type Ports = { http: number; smtp: number; smpp: number };
type Answer = 'accepted' | 'refused' | 'no answer';

/** A way in. `tells`: whoever comes this way is told the end. */
export type Door = { name: string; tells: boolean; submit(to: string): Promise<Answer>; close(): void };

export type Client = {
  /** From now on the longest time without an acceptance counts anew. */
  watch(): void;
  /** The longest time, in ms, that one of the doors took nothing since `watch`. */
  longestGap(): number;
  /** Offers messages at a rate, calling `during` with the count so far after each hundred. */
  offer(count: number, perSecond: number, during?: (sent: number) => void): Promise<void>;
  stop(): void;
};

/** Of twenty messages one goes through each of the other doors, the rest through the first. */
export function startClient(doors: readonly Door[], recipients: Recipients): Client {
  const last = new Map<Door, number>();
  let longest = 0;
  const doorOf = (n: number) => doors[n % 10 === 0 ? ((n / 10) % 2 === 0 ? 1 : 2) : 0] ?? doors[0]!;

  function noteAccepted(door: Door): void {
    const now = performance.now();
    longest = Math.max(longest, now - last.get(door)!);
    last.set(door, now);
  }

  /**
   * What was refused is offered again, as a new message, since a door that lost only the confirm says that the first may
   * still go out once; what got no answer may be under way.
   */
  async function send(): Promise<void> {
    const giveUp = performance.now() + PATIENCE_MS;
    for (let answer: Answer = 'refused'; answer === 'refused' && performance.now() < giveUp; ) {
      const door = doorOf(recipients.count);
      const to = recipients.next();
      answer = await door.submit(to);
      if (answer === 'refused') await new Promise((again) => setTimeout(again, AGAIN_MS));
      if (answer !== 'accepted') continue;
      recipients.accept(to, door.tells);
      noteAccepted(door);
    }
  }

  const client: Client = {
    watch() {
      longest = 0;
      for (const door of doors) last.set(door, performance.now());
    },
    longestGap: () => longest,
    async offer(count, perSecond, during) {
      const startedAt = performance.now();
      const open = new Set<Promise<void>>();
      for (let i = 0; i < count; i++) {
        const wait = startedAt + (i * 1_000) / perSecond - performance.now();
        if (wait > 2) await new Promise((go) => setTimeout(go, wait));
        while (open.size >= CONNECTIONS) await Promise.race(open);
        const one = send();
        open.add(one);
        void one.then(() => open.delete(one));
        if (i % 100 === 0) during?.(i);
      }
      await Promise.all(open);
    },
    stop() {
      for (const door of doors) door.close();
    },
  };
  client.watch();
  return client;
}

/** Kannel's call, at Hermod or at Kannel. */
export function httpDoor(port: number, { systemId, password }: typeof ACCOUNT, receiver: Receiver): Door {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const login = `username=${systemId}&password=${password}`;
  return {
    name: 'http',
    tells: true,
    /** Refused by a 503, or by a port that nobody listens on. */
    submit: (to) =>
      new Promise((done) => {
        const dlr = `dlr-mask=3&dlr-url=${encodeURIComponent(receiver.urlFor(to))}`;
        const path = `/cgi-bin/sendsms?${login}&from=12345&to=${to}&text=message+${to}&${dlr}`;
        get({ port, host: '127.0.0.1', path, agent, timeout: ANSWER_WITHIN_MS }, (answer) => {
          answer.resume();
          done(answer.statusCode === 202 ? 'accepted' : 'refused');
        })
          .on('timeout', function (this: ReturnType<typeof get>) {
            this.destroy();
          })
          .on('error', ({ code }: NodeJS.ErrnoException) => done(code === 'ECONNREFUSED' ? 'refused' : 'no answer'));
      }),
    close: () => agent.destroy(),
  };
}

export function mailDoor(port: number): Door {
  // It tries again by the rule of this client, not by the pool's own, which waits longer each time.
  const pool = { pool: true, maxConnections: 4, maxRequeues: 0 } as const;
  const mailer = createTransport({ host: '127.0.0.1', port, ignoreTLS: true, ...pool });
  return {
    name: 'smtp',
    tells: false,
    /** A mail server that is away, and a 4xx, are refusals; a cut connection may hide a 250. */
    submit: (to) =>
      mailer.sendMail({ from: 'a@test', to: `${to}@sms.test`, subject: 'x', text: 'x' }).then(
        (): Answer => 'accepted',
        ({ code, responseCode }: { code?: string; responseCode?: number }): Answer =>
          code === 'ESOCKET' || (responseCode ?? 0) >= 400 ? 'refused' : 'no answer',
      ),
    close: () => mailer.close(),
  };
}

export function smppDoor(port: number, recipients: Recipients): Door {
  const esme = smppClient(port, ACCOUNT, (to) => recipients.tell(to));
  return { name: 'smpp', tells: true, submit: (to) => esme.submit(to), close: () => esme.close() };
}
