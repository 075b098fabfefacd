// A patient client at three doors, which remembers what was accepted and when.
import { Agent, get } from 'node:http';
import { createTransport } from 'nodemailer';
import type { Receiver } from './receiver.ts';
import { smppClient } from './smpp-client.ts';

const CONNECTIONS = 20;
const PATIENCE_MS = 60_000;
const ANSWER_WITHIN_MS = 5_000;
const AGAIN_MS = 100;

export const ACCOUNT = { systemId: 'tester', password: 'foobar' };
export type Ports = { http: number; smtp: number; smpp: number };
type Answer = 'accepted' | 'refused' | 'no answer';

export type Client = {
  /** Requests, those that were refused included. */
  offered(): number;
  /** Recipients whose message was accepted. */
  accepted: ReadonlySet<string>;
  /** Those of them that are to be told an end. */
  toBeTold: ReadonlySet<string>;
  /** The longest time between two acceptances since `since` (ms of performance.now()). */
  longestGap(since: number): number;
  /** One request at the HTTP door, and how long its answer took. */
  ask(): Promise<{ status: number; body: string; ms: number }>;
  /** Offers messages at a rate, calling `during` with the count so far after each hundred. */
  offer(count: number, perSecond: number, during?: (sent: number) => void): Promise<void>;
  stop(): void;
};

export function startClient(ports: Ports, receiver: Receiver): Client {
  const accepted = new Set<string>();
  const toBeTold = new Set<string>();
  const acceptedAt: number[] = [];
  let offered = 0;
  const mailer = createTransport({
    host: '127.0.0.1',
    port: ports.smtp,
    pool: true,
    maxConnections: 2,
    ignoreTLS: true,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const esme = smppClient(ports.smpp, ACCOUNT, receiver.tell);
  const nextNumber = () => `44770${String(offered++).padStart(7, '0')}`;
  const login = `username=${ACCOUNT.systemId}&password=${ACCOUNT.password}`;

  /** Refused by a 503, or by a port that nobody listens on. */
  const byHttp = (to: string) =>
    new Promise<Answer>((done) => {
      const dlr = `dlr-mask=3&dlr-url=${encodeURIComponent(receiver.urlFor(to))}`;
      const path = `/cgi-bin/sendsms?${login}&to=${to}&text=message+${to}&${dlr}`;
      get({ port: ports.http, host: '127.0.0.1', path, agent, timeout: ANSWER_WITHIN_MS }, (answer) => {
        answer.resume();
        done(answer.statusCode === 202 ? 'accepted' : 'refused');
      })
        .on('timeout', function (this: ReturnType<typeof get>) {
          this.destroy();
        })
        .on('error', ({ code }: NodeJS.ErrnoException) => done(code === 'ECONNREFUSED' ? 'refused' : 'no answer'));
    });

  /** A mail server that is away, and a 4xx, are refusals; a cut connection may hide a 250. */
  const byMail = (to: string) =>
    mailer.sendMail({ from: 'a@test', to: `${to}@sms.test`, subject: 'x', text: 'x' }).then(
      (): Answer => 'accepted',
      ({ code, responseCode }: { code?: string; responseCode?: number }): Answer =>
        code === 'ESOCKET' || (responseCode ?? 0) >= 400 ? 'refused' : 'no answer',
    );

  /** Of ten messages one goes by mail and one by SMPP. */
  const doorOf = (n: number) => (n % 10 === 0 ? byMail : n % 10 === 5 ? esme.submit : byHttp);

  /**
   * What was refused is offered again, as a new message, since a door that lost only the confirm says that the first may
   * still go out once; what got no answer may be under way.
   */
  async function send(): Promise<void> {
    const giveUp = performance.now() + PATIENCE_MS;
    for (let answer: Answer = 'refused'; answer === 'refused' && performance.now() < giveUp; ) {
      const door = doorOf(offered);
      const to = nextNumber();
      answer = await door(to);
      if (answer === 'refused') await new Promise((again) => setTimeout(again, AGAIN_MS));
      if (answer !== 'accepted') continue;
      accepted.add(to);
      acceptedAt.push(performance.now());
      if (door !== byMail) toBeTold.add(to);
    }
  }

  return {
    offered: () => offered,
    accepted,
    toBeTold,
    longestGap(since) {
      let [longest, before] = [0, since];
      for (const at of acceptedAt) {
        if (at < since) continue;
        longest = Math.max(longest, at - before);
        before = at;
      }
      return longest;
    },
    async ask() {
      const startedAt = performance.now();
      const to = nextNumber();
      const answer = await fetch(`http://127.0.0.1:${ports.http}/cgi-bin/sendsms?${login}&to=${to}&text=x`);
      const body = await answer.text();
      if (answer.status === 202) accepted.add(to);
      return { status: answer.status, body, ms: performance.now() - startedAt };
    },
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
      agent.destroy();
      mailer.close();
      esme.close();
    },
  };
}
