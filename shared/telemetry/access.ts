// The access log: one JSON line per accept, hand-over, receipt, final state and refusal. Ids, names from the
// configuration and masked numbers; never a text.
import pino from 'pino';

export type AccessEvent = {
  event: 'accepted' | 'refused' | 'submitted' | 'given-back' | 'receipt' | 'final' | 'callback';
  id?: string;
  client?: string;
  door?: string;
  provider?: string;
  /** Masked: see maskNumber. */
  to?: string;
  segments?: number;
  state?: string;
  reason?: string;
  address?: string;
  /** Milliseconds since the door accepted it. */
  ms?: number;
};

const file = process.env.HERMOD_ACCESS_LOG;
// Lines gather for a moment: a write per line would cost more than the message.
const destination = pino.destination({
  dest: file && file !== '-' ? file : 1,
  sync: false,
  minLength: 8_192,
  mkdir: true,
});
const access = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: () => ({ log: 'access' }) } },
  destination,
);
setInterval(() => destination.flush(), 200).unref();
process.on('exit', () => {
  try {
    destination.flushSync();
  } catch {
    // Not open yet: nothing was written.
  }
});

/** `HERMOD_ACCESS_LOG=off` writes none; a path writes there; else stdout. */
export const logAccess: (event: AccessEvent) => void = file === 'off' ? () => {} : (event) => access.info(event);
