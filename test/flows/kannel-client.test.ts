// Debian's Kannel as a client of the SMPP door: what people send through it today must go on through it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeGsm7 } from '#shared/sms/gsm7.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type Kannel, startKannel } from '../peers/kannel.ts';
import { freePort } from '../rig/port.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const WHO = { name: 'tester', password: 'foobar' };
const ACCEPTED = '202 0: Accepted for delivery';
let rig: Rig;
let port: number;
let kannel: Kannel;
let receiver: Receiver;

beforeAll(async () => {
  port = await freePort();
  rig = await startRig({
    services: [ledger, notifier, router, egressSmpp, ingressHttp, ingressSmpp],
    settings: (standard) => ({ ...standard, listen: { ...standard.listen, smpp: { port } } }),
  });
  receiver = await startReceiver();
  kannel = await startKannel(port, WHO, { smpp: 'transceiver-mode = true' });
}, 300_000);
afterAll(async () => {
  await kannel?.stop();
  await receiver?.stop();
  await rig?.stop();
});

const arrived = (number: string, count = 1) =>
  until(`${count} for ${number}`, () => {
    const found = rig.smsc.received.filter(({ dest }) => dest.addr === number);
    return found.length >= count ? found : undefined;
  });
/** The last two characters of the callbacks that Kannel makes for one message: their types. */
const types = (tag: string) =>
  receiver.seen.filter(({ url }) => url.startsWith(`/${tag}?`)).map(({ url }) => url.slice(-2));

test('a short text, with its sender, and both reports', async () => {
  const url = `http://127.0.0.1:${receiver.port}/short?t=%d`;
  expect(
    await kannel.send({
      to: '+447700900001',
      from: 'Acme',
      text: 'Your code is 123456 {€}',
      'dlr-mask': '31',
      'dlr-url': url,
    }),
  ).toBe(ACCEPTED);
  const [sms] = await arrived('447700900001');
  expect(decodeGsm7(sms!.shortMessage)).toBe('Your code is 123456 {€}');
  expect(sms).toMatchObject({ source: { ton: 5, addr: 'Acme' }, dest: { ton: 1 }, registeredDelivery: 17 });
  await until('both reports', () => types('short').length >= 2);
  expect(types('short')).toEqual(['=8', '=1']);
});

test('a long text: its parts and their reference as Kannel made them', async () => {
  const text = 'abcdefghi '.repeat(40);
  const url = `http://127.0.0.1:${receiver.port}/long?t=%d`;
  expect(await kannel.send({ to: '447700900002', from: '12345', text, 'dlr-mask': '3', 'dlr-url': url })).toBe(
    ACCEPTED,
  );
  const parts = (await arrived('447700900002', 3)).toSorted((a, b) => a.shortMessage[5]! - b.shortMessage[5]!);
  const headers = parts.map(({ shortMessage }) => [...shortMessage.subarray(0, 6)]);
  const reference = headers[0]![3];
  expect(headers).toEqual([1, 2, 3].map((index) => [5, 0, 3, reference, 3, index]));
  expect(parts.map(({ shortMessage }) => decodeGsm7(shortMessage.subarray(6))).join('')).toBe(text);
  expect(parts.every(({ esmClass }) => esmClass === 0x43)).toBe(true);
  await until('the report', () => types('long').length > 0);
  expect(types('long')).toEqual(['=1']);
});

test('Unicode', async () => {
  expect(await kannel.send({ to: '447700900003', from: '1', text: 'Привет, мир', coding: '2', charset: 'UTF-8' })).toBe(
    ACCEPTED,
  );
  const [sms] = await arrived('447700900003');
  expect(sms!.dataCoding).toBe(8);
  expect(Buffer.from(sms!.shortMessage).swap16().toString('utf16le')).toBe('Привет, мир');
});

test('flash, in both alphabets', async () => {
  expect(await kannel.send({ to: '447700900004', from: '1', text: 'now', mclass: '0' })).toBe(ACCEPTED);
  expect(
    await kannel.send({ to: '447700900005', from: '1', text: 'Сейчас', mclass: '0', coding: '2', charset: 'UTF-8' }),
  ).toBe(ACCEPTED);
  expect((await arrived('447700900004'))[0]).toMatchObject({ dataCoding: 0xf0, shortMessage: Buffer.from('now') });
  expect((await arrived('447700900005'))[0]).toMatchObject({ dataCoding: 0x18 });
});

test('binary with a header of its own', async () => {
  const udh = Buffer.from('0605040b8423f0', 'hex');
  const text = Buffer.from('00ff80', 'hex');
  expect(await kannel.send({ to: '447700900006', from: '1', coding: '1', udh, text })).toBe(ACCEPTED);
  const [sms] = await arrived('447700900006');
  expect(sms).toMatchObject({ dataCoding: 4, esmClass: 0x43, shortMessage: Buffer.concat([udh, text]) });
});

test('a receipt that says no', async () => {
  rig.smsc.set({ receipts: { state: 'UNDELIV', error: '001' } });
  const url = `http://127.0.0.1:${receiver.port}/failed?t=%d`;
  expect(await kannel.send({ to: '447700900007', from: '1', text: 'x', 'dlr-mask': '3', 'dlr-url': url })).toBe(
    ACCEPTED,
  );
  await until('the report', () => types('failed').length > 0);
  expect(types('failed')).toEqual(['=2']);
  rig.smsc.set({ receipts: { state: 'DELIVRD', error: '000' } });
});

test('a number that is none is refused to Kannel, which says so', async () => {
  const url = `http://127.0.0.1:${receiver.port}/refused?t=%d`;
  expect(await kannel.send({ to: '01234567', from: '1', text: 'x', 'dlr-mask': '31', 'dlr-url': url })).toBe(ACCEPTED);
  await until('the report', () => types('refused').length > 0);
  expect(types('refused')).toEqual(['16']);
});
