// The message that the router's tests change: one SMS of the client `ise`, accepted at `at`, valid for two minutes.
import type { Sms } from '#shared/messages/sms.ts';

export const messageAt = (at: number, change: Partial<Sms> = {}): Sms => ({
  v: 1,
  type: 'sms',
  id: '01a20074-2214-7e29-a54a-7f8969b6ff5c',
  handover: 0,
  attempts: 0,
  expiry: at + 120_000,
  at,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  client: 'ise',
  door: 'http',
  lane: 'urgent',
  to: '447700900123',
  given: '+447700900123',
  from: '12345',
  text: 'x',
  segments: 1,
  ...change,
});
