// The mail door while the broker is away: the sender is told to come again, in time, and nothing is lost or sent twice.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ANSWERED_MS, startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { guideMail, SMS_ADDRESS, SPONSOR } from '../rig/guide.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { until } from '../rig/until.ts';

const realBroker = process.env.AMQP_URL!;
let broker: TcpProxy;
let rig: MailRig;

beforeAll(async () => {
  const url = new URL(realBroker);
  broker = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5672) });
  url.host = `127.0.0.1:${broker.port}`;
  process.env.AMQP_URL = url.href;
  rig = await startMailRig();
});
afterAll(async () => {
  await rig?.stop();
  await broker?.stop();
  process.env.AMQP_URL = realBroker;
});
beforeEach(() => rig.fresh());
afterEach(() => rig.hangUp());

const TEMPORARY = { code: 451, text: expect.stringMatching(/^4\.3\.0 /) };

test('cut off: 451 at once, and the mail goes through when it is back', async () => {
  const mail = guideMail();
  const client = await rig.open(rig.port);
  broker.cut();
  const started = performance.now();
  expect(await client.mail(SPONSOR, [SMS_ADDRESS], mail)).toMatchObject(TEMPORARY);
  expect(performance.now() - started).toBeLessThan(ANSWERED_MS);
  broker.heal();
  await until('the door takes mail again', async () => (await rig.mail([SMS_ADDRESS], mail)).code === 250);
  expect(await rig.passed()).toHaveLength(1);
});

test('silent: 451 within two seconds', async () => {
  const client = await rig.open(rig.port);
  expect(await client.envelope(SPONSOR, [SMS_ADDRESS])).toMatchObject({ code: 354 });
  broker.freeze();
  const started = performance.now();
  client.write(`${guideMail()}\r\n.\r\n`);
  expect(await client.reply()).toMatchObject(TEMPORARY);
  expect(performance.now() - started).toBeLessThan(ANSWERED_MS);
  broker.heal();
  await until('the door takes mail again', async () => (await rig.mail([SMS_ADDRESS], guideMail())).code === 250);
});

test('a mail of several messages is taken whole or not at all', async () => {
  const to = Array.from({ length: 20 }, (_, i) => `4477009001${String(i).padStart(2, '0')}@otp.example`);
  const client = await rig.open(rig.port);
  expect(await client.envelope(SPONSOR, to)).toMatchObject({ code: 354 });
  broker.cut();
  client.write('Subject: x\r\n\r\nnever\r\n.\r\n');
  expect(await client.reply()).toMatchObject(TEMPORARY);
  broker.heal();
  await until('the door takes mail again', async () => (await rig.mail(to, '\r\nall')).code === 250);
  const texts = (await rig.passed()).map(({ shortMessage }) => shortMessage.toString());
  expect(texts).toEqual(to.map(() => 'all'));
});
