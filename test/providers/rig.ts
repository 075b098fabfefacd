// One message through the bearer of one provider row, without a broker: prepared, handed over, and its outcome.
import { tmpdir } from 'node:os';
import { stringify } from 'yaml';
import { parseConfig } from '#shared/config/load.ts';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Link } from '#shared/egress/bearer.ts';
import { newId } from '#shared/messages/id.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import { httpBearer, type Prepared } from '../../services/egress-http/bearer.ts';

export const TEXT = 'Your code: äöü € 471-11';
export const NUMBER = '491701234567';
export const DLR_URL = 'https://sms.example.com';

export const smsOf = (more: Partial<Sms> = {}): Sms => ({
  v: 1,
  type: 'sms',
  id: newId(),
  handover: 0,
  attempts: 0,
  expiry: Date.now() + 120_000,
  at: Date.now(),
  traceparent: '',
  client: 'tester',
  door: 'http',
  lane: 'urgent',
  to: NUMBER,
  given: `+${NUMBER}`,
  from: '12345',
  text: TEXT,
  segments: 1,
  ...more,
});

/** The row as the configuration file would have it, checked by the schema. */
export function rowOf(settings: Record<string, unknown>, listen: Record<string, unknown> = { dlr: { url: DLR_URL } }) {
  const file = { listen, providers: { p: { bearer: 'http', timeout: '2s', ...settings } } };
  const config = parseConfig(stringify(file), 'test.yaml', {});
  return { config, row: config.providers.p as ProviderOf<'http'> };
}

export type Opened = {
  link: Link<Prepared>;
  /** Why the link ended, once it did. */
  ended: Promise<string>;
  send(message?: Sms): Promise<Outcome>;
};

export async function openRow(settings: Record<string, unknown>): Promise<Opened> {
  const { config, row } = rowOf(settings);
  const bearer = httpBearer('p', row, { config, dir: tmpdir() });
  let tell: (reason: string) => void = () => {};
  const ended = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const link = await bearer.open(tell);
  return {
    link,
    ended,
    send: (message = smsOf()) =>
      new Promise((resolve) => {
        link.submit(bearer.prepare(message), resolve);
      }),
  };
}

/** One message and its outcome. */
export async function sendBy(settings: Record<string, unknown>, message?: Sms): Promise<Outcome> {
  const opened = await openRow(settings);
  const outcome = await opened.send(message);
  opened.link.cut('the test has its outcome');
  return outcome;
}
