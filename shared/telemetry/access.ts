// The access log: one JSON line per accept, hand-over, receipt, final state, refusal and action at the console. Ids, names from the
// configuration and masked numbers; never a text.
import pino from 'pino';

export type AccessEvent = {
  event:
    | 'accepted'
    | 'refused'
    | 'submitted'
    | 'given-back'
    | 'receipt'
    | 'final'
    | 'callback'
    | 'incoming'
    | 'suppressed'
    | 'console';
  id?: string;
  /** Its trace id. */
  trace?: string | undefined;
  client?: string;
  door?: string;
  provider?: string;
  /** Masked: see maskNumber. */
  to?: string;
  from?: string;
  segments?: number;
  state?: string;
  reason?: string;
  /** Who did what at the console, or tried a provider, and with what: `provider main`, `message <id>`, `letter <key>`. */
  user?: string;
  action?: string;
  object?: string;
  /** Who called; for a callback the host that was called. */
  address?: string;
  /** Milliseconds since the door accepted it; of a callback, its duration. */
  ms?: number;
};

let write: ((event: AccessEvent) => void) | undefined;

/** `HERMOD_ACCESS_LOG=off` writes none; a path writes there; else stdout. Opened by the first line. */
export function logAccess(event: AccessEvent): void {
  write ??= writer(process.env.HERMOD_ACCESS_LOG ?? '-');
  write(event);
}

const writer = (target: string) => (target === 'off' ? () => {} : open(target === '-' ? 1 : target));

function open(dest: string | number): (event: AccessEvent) => void {
  // Lines gather for a moment: a write per line would cost more than the message.
  const destination = pino.destination({ dest, sync: false, minLength: 8_192, mkdir: true });
  setInterval(() => destination.flush(), 200).unref();
  process.on('exit', () => {
    try {
      destination.flushSync();
    } catch {
      // Not open yet: nothing was written.
    }
  });
  return (event) => {
    // Fixed fields need no logger: this costs a tenth of one.
    destination.write(`{"log":"access","time":"${new Date().toISOString()}",${JSON.stringify(event).slice(1)}\n`);
  };
}
