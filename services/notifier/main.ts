// notifier. Reads from the queue `notifier` the callbacks that are due, and messages from handsets on their way to a client;
// makes each call, one try; reports `told` to the ledger, whose outbox keeps the order of one message's callbacks and the
// ladder of repeats. Answers to handsets it writes to the exchange `submit`.
import { readFileSync } from 'node:fs';
import type { Follow, Handled } from '#shared/bus/consume.ts';
import { ANSWER_ONLY, type Callback, MAIL_SCHEME } from '#shared/messages/callback.ts';
import { type Envelope, VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { type Context, runServices, type Service } from '#shared/service.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { traceCallback } from '#shared/telemetry/spans.ts';
import { traceOf } from '#shared/telemetry/trace.ts';
import { NOTIFIER, toReport } from '#shared/topology.ts';
import { type Answer, makeCall } from './call.ts';
import { openCallers } from './clients.ts';
import { Lines } from './lines.ts';
import { Made, tryOf } from './made.ts';
import type { Mailboxes } from './mailbox.ts';
import { requestOf } from './request.ts';

/** Callbacks held at once. A receiver that does a quarter of this in a second never has them sent back. */
const HOLD = 2_048;
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const USER_AGENT = `Hermod/${version}`;

const NO_MAILBOXES: Mailboxes = {
  host: '',
  send: async () => ({ ok: false, permanent: true, reason: 'callbacks.mail names no mail server' }),
};

export const notifier: Service = {
  name: 'notifier',
  async start({ config, dir, bus, log }: Context) {
    const { timeout, perHost } = config.callbacks;
    const callers = openCallers(config, dir);
    // Only those who are told by mail need what writes and sends one.
    const { mail } = config.callbacks;
    const mailboxes = mail ? (await import('./mailbox.ts')).openMailboxes(mail, timeout, dir) : NO_MAILBOXES;
    const lines = new Lines<Answer>(perHost);
    const made = new Made(Date.now());
    const underWay = new Map<string, Promise<Answer | 'busy'>>();

    async function make(callback: Callback, key: string): Promise<Answer | 'busy'> {
      const answer = await call(callback);
      if (answer === 'busy') return answer;
      if (callback.incoming?.answer) {
        const { giveAnswer } = await import('./answers.ts');
        await giveAnswer(callback, answer, { config, bus, log });
      }
      const { reply: _given, ...told } = answer;
      made.add(key, told, Date.now());
      return told;
    }

    async function call(callback: Callback): Promise<Answer | 'busy'> {
      if (callback.url === ANSWER_ONLY) return { ok: true, reason: 'answered' };
      return callback.url.startsWith(MAIL_SCHEME) ? byMail(callback) : byHttp(callback);
    }

    function byMail(callback: Callback): Promise<Answer | 'busy'> {
      const { host } = mailboxes;
      return lines.run(MAIL_SCHEME, () => timed(callback, host, 'MAIL', () => mailboxes.send(callback)));
    }

    async function byHttp(callback: Callback): Promise<Answer | 'busy'> {
      const request = requestOf(callback, config.clients[callback.client]?.callbacks?.secret);
      if ('ok' in request) return request;
      const { target, post } = request;
      const caller = callers.of(callback.client);
      const wantsReply = callback.incoming?.answer === 'reply';
      return lines.run(target.origin, () =>
        timed(callback, target.host, post ? 'POST' : 'GET', () =>
          makeCall(target, caller, USER_AGENT, timeout, post?.(), wantsReply),
        ),
      );
    }

    async function timed(
      callback: Callback,
      host: string,
      method: 'GET' | 'POST' | 'MAIL',
      call: () => Promise<Answer>,
    ): Promise<Answer> {
      const startedAt = performance.now();
      const span = traceCallback(callback, host, method);
      const answer = await call();
      const ms = performance.now() - startedAt;
      span?.end(undefined, answer.ok ? undefined : answer.reason);
      metrics.callbackSeconds.observe(ms / 1_000);
      logCall(callback, host, answer, Math.round(ms));
      return answer;
    }

    async function take(callback: Callback): Promise<Follow[]> {
      const key = tryOf(callback);
      const known = made.get(key) ?? underWay.get(key);
      if (known) {
        metrics.callbacks.inc({ outcome: 'repeat' });
        return tell(callback, await known);
      }
      const call = make(callback, key).finally(() => underWay.delete(key));
      underWay.set(key, call);
      const answer = await call;
      metrics.callbacks.inc({ outcome: outcomeOf(answer) });
      return tell(callback, answer);
    }

    const consumer = await bus.consume(NOTIFIER, { hold: HOLD, dead: 'callback' }, (batch: Envelope[]): Handled[] =>
      batch.map((envelope) => take(envelope as Callback)),
    );
    await consumer.start();
    return {
      async stop() {
        const stopped = consumer.stop();
        lines.close();
        await stopped;
        await callers.close();
      },
    };
  },
};

/** The report to the ledger. */
function tell({ callback, tries }: Callback, answer: Answer | 'busy'): Follow[] {
  const report: ReportOf<'told'> = {
    v: VERSION.report,
    type: 'report',
    kind: 'told',
    at: Date.now(),
    callback,
    tries,
    ...(answer === 'busy' ? { ok: false, busy: true, reason: 'receiver busy' } : answer),
  };
  return [{ to: toReport('told'), envelope: report }];
}

const outcomeOf = (answer: Answer | 'busy') => {
  if (answer === 'busy') return 'busy';
  return answer.ok ? 'ok' : answer.permanent ? 'refused' : 'failed';
};

/** Only the host is named: the URL holds what is between client and receiver. */
function logCall({ id, client, traceparent }: Callback, host: string, { ok, reason }: Answer, ms: number): void {
  logAccess({
    event: 'callback',
    id,
    trace: traceOf(traceparent),
    client,
    address: host,
    state: ok ? 'ok' : 'failed',
    reason,
    ms,
  });
}

if (import.meta.main) await runServices([notifier]);
