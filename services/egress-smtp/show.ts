// What is said on a connection to a mail server, for a person who tries the provider: nodemailer's own log, in which what
// AUTH carries is hidden already.
import type { Show } from '#shared/egress/dialogue.ts';

type Entry = { tnx?: string };

/** For SMTPConnection's `logger`, with `debug` on. */
export function dialogueLogger(show: Show) {
  const nothing = () => {};
  return {
    level: nothing,
    trace: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
    debug(entry: unknown, text: unknown) {
      const { tnx } = (entry ?? {}) as Entry;
      if (tnx === undefined || !['client', 'server', 'message'].includes(tnx)) return;
      show(tnx === 'server' ? 'provider' : 'hermod', ...String(text ?? '').split(/\r?\n/));
    },
  };
}
