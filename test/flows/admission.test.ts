// Limits at the doors: one client's counts hold over all of them, each door refuses in its own words, and what was refused
// is not counted. The counts are in Debian's Redis here; test/unit/counters.test.ts has those in memory.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCounters } from '#shared/counters.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { Esme, type SubmitFields } from '../peers/esme.ts';
import { type RedisServer, startRedis } from '../peers/redis.ts';
import { open } from '../peers/smtp-client.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const ACCEPTED = { status: 202, body: '0: Accepted for delivery' };
const LATER = { status: 503, body: 'Temporal failure, try again later.' };
let redis: RedisServer;
let rig: Rig;
const ports = { smtp: 0, smpp: 0 };

beforeAll(async () => {
  redis = await startRedis();
  process.env.REDIS_URL = redis.url;
  ports.smtp = await freePort();
  ports.smpp = await freePort();
  const row = { password: 'foobar', sender: '12345', smpp: { binds: 1 } };
  rig = await startRig({
    services: [ingressHttp, ingressSmtp, ingressSmpp],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smtp: { port: ports.smtp, auth: 'clear' }, smpp: { port: ports.smpp } },
      clients: {
        quota: { ...row, dailyQuota: 4 },
        slow: { ...row, rate: '6/min' },
        otp: { ...row, kind: 'otp', perNumber: { sameText: '8s' } },
        names: { ...row, senders: ['Acme'], countries: ['GB'] },
        fixed: { password: 'foobar', forcedSender: 'Forced by us', forcedSmsc: 'sandbox' },
      },
      mail: {
        rules: ['quota', 'otp', 'names'].map((name) => ({
          name,
          client: name,
          when: {},
          pick: ['(?s)\\A(?P<text>.*\\S)'],
          number: '{text}',
          text: 'by mail',
          ...(name === 'names' ? { sender: 'Other' } : {}),
        })),
      },
    }),
  });
}, 120_000);
afterAll(async () => {
  delete process.env.REDIS_URL;
  await rig?.stop();
  await redis?.stop();
});

type Answer = { status: number; body: string; retryAfter: string | null };
async function http(username: string, parameters: Record<string, string> = {}): Promise<Answer> {
  const query = new URLSearchParams({ username, password: 'foobar', to: '447700900001', text: 'x', ...parameters });
  const answer = await fetch(`${rig.httpUrl}/cgi-bin/sendsms?${query}`);
  return { status: answer.status, body: await answer.text(), retryAfter: answer.headers.get('retry-after') };
}
async function smpp(systemId: string, fields: SubmitFields = {}): Promise<number> {
  const esme = await Esme.connect(ports.smpp);
  await esme.bind('bind_transmitter', { systemId, password: 'foobar' });
  const { status } = await esme.answerTo(esme.submit(fields));
  esme.close();
  return status;
}
async function mail(client: string, number = '447700900001'): Promise<string> {
  const smtp = await open(ports.smtp);
  await smtp.say(`AUTH PLAIN ${Buffer.from(`\0${client}\0foobar`).toString('base64')}`);
  const { code, text } = await smtp.mail('a@example.com', ['sms@example.com'], `Subject: x\r\n\r\n${number}`);
  smtp.close();
  return `${code} ${text}`;
}

test('a daily quota is one for all doors; what was refused is not counted', async () => {
  const started = new Date().getUTCDate();
  expect(await http('quota')).toMatchObject(ACCEPTED);
  expect(await smpp('quota')).toBe(0);
  expect(await mail('quota')).toMatch(/^250 2\.6\.0 accepted/);
  expect(await http('quota', { to: '447700900001 447700900002', text: '' })).toMatchObject({ status: 400 });
  expect(await http('quota')).toMatchObject(ACCEPTED);
  const refused = await http('quota');
  if (new Date().getUTCDate() !== started) return; // Midnight in between: a new quota.
  expect(refused).toMatchObject(LATER);
  expect(Number(refused.retryAfter)).toBeGreaterThan(0);
  expect(Number(refused.retryAfter)).toBeLessThanOrEqual(86_400);
  expect(await smpp('quota')).toBe(STATUS.RTHROTTLED);
  expect(await mail('quota')).toMatch(/^451 4\.7\.1 the client's daily quota is used up: try again in \d+ s/);
});

test('a rate over all doors', async () => {
  const answers = await Promise.all(Array.from({ length: 12 }, () => http('slow')));
  // Six a minute are ten in a hundred seconds.
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(10);
  expect(answers.filter(({ status, retryAfter }) => status === 503 && Number(retryAfter) > 90)).toHaveLength(2);
  expect(await smpp('slow')).toBe(STATUS.RTHROTTLED);
});

describe('one-time passwords', () => {
  test('the same text to a number only after a while, by whatever door', async () => {
    expect(await http('otp', { to: '447700900010', text: 'by mail' })).toMatchObject(ACCEPTED);
    const { retryAfter, ...again } = await http('otp', { to: '447700900010', text: 'by mail' });
    expect(again).toEqual(LATER);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(Number(retryAfter)).toBeLessThanOrEqual(8);
    expect(await smpp('otp', { dest: { addr: '447700900010', ton: 1 }, message: Buffer.from('by mail') })).toBe(
      STATUS.RTHROTTLED,
    );
    expect(await mail('otp', '447700900010')).toMatch(/^550 5\.7\.1 the number had the same text a moment ago/);
    expect(await http('otp', { to: '447700900011', text: 'by mail' })).toMatchObject(ACCEPTED);
    await until(
      'the while is over',
      async () => (await http('otp', { to: '447700900010', text: 'by mail' })).status === 202,
      20_000,
    );
  });

  test('five to a number, and one number refuses all recipients', async () => {
    for (let i = 1; i <= 5; i++)
      expect(await http('otp', { to: '447700900020', text: `code ${i}` })).toMatchObject(ACCEPTED);
    expect(await http('otp', { to: '447700900020', text: 'code 6' })).toMatchObject(LATER);
    expect(await http('otp', { to: '447700900021 447700900020', text: 'code 7' })).toMatchObject(LATER);
    // Nothing of the refused request was counted.
    expect(await http('otp', { to: '447700900021', text: 'code 7' })).toMatchObject(ACCEPTED);
  });

  test('the parts of a long message count once', async () => {
    const part = (index: number) =>
      smpp('otp', {
        dest: { addr: '447700900030', ton: 1 },
        esmClass: 0x40,
        message: Buffer.concat([Buffer.of(5, 0, 3, 7, 7, index), Buffer.from('the same text')]),
      });
    for (const index of [1, 2, 3, 4, 5, 6, 7]) expect(await part(index)).toBe(0);
  });

  test('Redis sees neither numbers nor texts', async () => {
    const keys = await redis.keys();
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.filter((key) => /4477009000|by mail|code \d|same text/.test(key))).toEqual([]);
  });
});

describe('senders and recipients', () => {
  test('a sender that the client may not use', async () => {
    const body = 'the sender is not one that this client may use, rejected';
    expect(await http('names', { from: 'Other' })).toMatchObject({ status: 400, body });
    expect(await http('names', { from: 'Acme' })).toMatchObject(ACCEPTED);
    expect(await http('names')).toMatchObject(ACCEPTED);
    expect(await smpp('names', { source: { addr: 'Other', ton: 5 } })).toBe(STATUS.RINVSRCADR);
    expect(await mail('names')).toMatch(/^550 5\.7\.1 names: the sender is not one/);
  });

  test('a country that the client may not send to', async () => {
    const denied = 'Number(s) has/have been denied by white- and/or black-lists.';
    expect(await http('names', { to: '491701234567' })).toMatchObject({ status: 400, body: denied });
    expect(await smpp('names', { dest: { addr: '491701234567', ton: 1 } })).toBe(STATUS.RINVDSTADR);
  });

  test('a forced sender needs none in the request', async () => {
    expect(await http('fixed')).toMatchObject(ACCEPTED);
    expect(await smpp('fixed', { source: { addr: '' } })).toBe(0);
  });
});

test('without Redis each process counts for itself, and counts on there when it is back', async () => {
  const own = await startRedis();
  const counts = await openCounters(own.url);
  const window = { points: 1, seconds: 100 };
  expect(await counts.take('a', 1, window)).toBe(0);
  await own.stop();
  expect(await counts.take('a', 1, window)).toBe(0);
  expect(await counts.take('a', 1, window)).toBeGreaterThan(0);
  const back = await startRedis(Number(new URL(own.url).port));
  await until('counted in Redis again', async () => {
    await counts.take('b', 1, window);
    return (await back.keys()).length > 0;
  });
  counts.close();
  await back.stop();
});
