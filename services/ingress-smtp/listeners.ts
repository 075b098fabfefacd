// The listeners of the mail door, from the configuration.
import type { Config } from '#shared/config/schema.ts';
import type { ListenerTls } from '#shared/config/tls.ts';
import type { Listener } from './door.ts';

export type Listening = {
  /** Its name below `listen`. */
  name: 'smtp' | 'smtps';
  listener: Listener;
  /** The files of its certificate and key. */
  files: ListenerTls | undefined;
};

export function listenersOf({ smtp, smtps }: Config['listen']): Listening[] {
  const all: Listening[] = [];
  if (smtp) {
    const { tls, ...rest } = smtp;
    all.push({ name: 'smtp', listener: { ...rest, mode: tls ? 'starttls' : 'clear' }, files: tls });
  }
  if (smtps) {
    const { tls, ...rest } = smtps;
    all.push({ name: 'smtps', listener: { ...rest, mode: 'tls', requireTls: true }, files: tls });
  }
  return all;
}
