// The smtp bearer: each hand-over is one mail, on one of the connections that the window allows. They stay open while
// there is something to send.
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer } from '#shared/egress/bearer.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import { exchangeLink } from '#shared/egress/exchange.ts';
import { readPems } from '#shared/http/pems.ts';
import type { Outcome } from '#shared/outcome.ts';
import type { Context } from '#shared/service.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type Mail, mailOf } from './mail.ts';
import { addressOf, type MailSession, openSession } from './session.ts';

type Row = ProviderOf<'smtp'>;

export function smtpBearer(name: string, row: Row, { dir }: Context): Bearer<Mail> {
  const pems = readPems(`providers.${name}.tls`, row.tls ?? {}, dir);
  return {
    prepare: (message) => mailOf(message, row),
    begun: () => false,
    async open(ended) {
      const idle = new Idle(row.idle);
      const fresh = (show?: Show) => openSession(row, pems, () => idle.sweep(), show);
      idle.add(await fresh());
      const handOver = async (mail: Mail, signal: AbortSignal, show?: Show): Promise<Outcome> => {
        // Who watches shall see the whole dialogue, and that connection serves nobody else.
        const kept = show ? undefined : idle.take();
        // A connection that was idle may have been closed by the server just now: a new one tells.
        const first = kept ? await use(kept, mail, signal) : 'lost';
        if (first !== 'lost') return first;
        try {
          const second = await use(await fresh(show), mail, signal, show);
          if (second !== 'lost') return second;
          return {
            kind: 'unavailable',
            reason: `${addressOf(row)}: the connection was lost before the mail was taken`,
          };
        } catch (error) {
          return { kind: 'unavailable', reason: reasonOf(error) };
        }
      };
      const use = async (session: MailSession, mail: Mail, signal: AbortSignal, show?: Show) => {
        const outcome = await session.send(mail, signal);
        // A refused mail may have left its envelope behind in the session.
        if (outcome !== 'lost' && outcome.kind === 'done' && !show) idle.add(session);
        else session.quit();
        return outcome;
      };
      return exchangeLink(handOver, ended, () => idle.close());
    },
  };
}

/** Connections that nobody uses, each for some time. After `close` those that come back are closed too. */
class Idle {
  readonly #ms: number;
  #sessions: { session: MailSession; timer: NodeJS.Timeout }[] = [];
  #closed = false;

  constructor(ms: number) {
    this.#ms = ms;
  }

  add(session: MailSession): void {
    if (session.over) return;
    if (this.#closed) {
      session.quit();
      return;
    }
    const timer = setTimeout(() => {
      this.#sessions = this.#sessions.filter((entry) => entry.session !== session);
      session.quit();
    }, this.#ms);
    this.#sessions.push({ session, timer });
  }

  /** The one that was used last: the others may time out. */
  take(): MailSession | undefined {
    this.sweep();
    const entry = this.#sessions.pop();
    clearTimeout(entry?.timer);
    return entry?.session;
  }

  /** Lets go of those that are over. */
  sweep(): void {
    this.#sessions = this.#sessions.filter(({ session, timer }) => {
      if (session.over) clearTimeout(timer);
      return !session.over;
    });
  }

  close(): void {
    this.#closed = true;
    this.sweep();
    for (const { session, timer } of this.#sessions.splice(0)) {
      clearTimeout(timer);
      session.quit();
    }
  }
}
