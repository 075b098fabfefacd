// Callbacks through the whole gateway: a real broker, a sandbox SMSC, real receivers over HTTP and HTTPS.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Callback } from '#shared/messages/callback.ts';
import { newId } from '#shared/messages/id.ts';
import { deadQueue, NOTIFIER } from '#shared/topology.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { newAuthority } from '../rig/certificates.ts';
import { type Answer, type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const authority = newAuthority();
const dir = mkdtempSync(join(tmpdir(), 'hermod-callbacks-'));
let rig: Rig;
const receivers: Receiver[] = [];
const receive = async (answer?: Answer, tls?: Parameters<typeof startReceiver>[1]) => {
  const receiver = await startReceiver(answer, tls);
  receivers.push(receiver);
  return receiver;
};

beforeAll(async () => {
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, notifier],
    smsc: {
      reject: [
        { prefix: '447900', status: 0x0b },
        { prefix: '447800', status: 0x45 },
      ],
      receipts: { afterMs: 50, states: [{ suffix: '77', state: 'UNDELIV', error: '001' }] },
    },
    settings: (standard) => ({
      ...standard,
      clients: {
        ...standard.clients,
        tester: {
          ...(standard.clients.tester as object),
          callbacks: { allow: ['127.0.0.1'], ca: join(dir, 'ca.pem') },
        },
      },
      callbacks: { retries: ['200ms'], timeout: '3s' },
    }),
  });
});
afterAll(async () => {
  await rig?.stop();
  rmSync(dir, { recursive: true });
});
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.stop();
});

const sendTo = async ({ port }: Receiver, path: string, more: Record<string, string> = {}, scheme = 'http') => {
  const { status, ids } = await rig.send({
    to: '+447700900123',
    text: 'key word three',
    'dlr-mask': '31',
    'dlr-url': `${scheme}://127.0.0.1:${port}${path}`,
    ...more,
  });
  expect(status).toBe(202);
  return ids[0]!;
};
/** The message is final and no callback waits any more. */
const settled = (id: string) =>
  until(`all about ${id} is told`, async () => {
    const message = await rig.message(id);
    return message?.final && message.callbacksWaiting === 0 ? message : undefined;
  });
const urls = ({ seen }: Receiver) => seen.map(({ url }) => url);

/** One that the ledger knows nothing of. */
const callbackTo = ({ port }: Receiver, callback: number): Callback => ({
  ...{ v: 1, type: 'callback', callback, tries: 0, id: newId(), client: 'tester', at: Date.now(), dlrType: 8 },
  url: `http://127.0.0.1:${port}/once?d=%d`,
  values: { to: '1', from: '1', given: '1', provider: 'p', providerId: 'x', text: 'ACK/', account: '', meta: '' },
});

const ALL_CODES =
  '/d?d=%d&A=%A&F=%F&i=%i&I=%I&n=%n&p=%p&P=%P&q=%q&Q=%Q&t=%t&T=%T&k=%k&s=%s&S=%S&r=%r&a=%a&b=%b&c=%c&m=%m&M=%M&C=%C&u=%u&B=%B&o=%o&O=%O&f=%f&D=%D&pc=%%&x=%x';

describe("Kannel's callbacks", () => {
  test('dlr-mask=31: the answer to the submit, then the receipt, each once, with every escape', async () => {
    const receiver = await receive();
    const id = await sendTo(receiver, ALL_CODES);
    await settled(id);
    expect(receiver.seen).toHaveLength(2);
    const providerId = String(((await rig.message(id))!.attempts as { providerId: string }[])[0]!.providerId);
    const minute = '\\d{10}';
    const receiptText = `sub%3A001+dlvrd%3A001+submit+date%3A${minute}+done+date%3A${minute}+stat%3ADELIVRD+err%3A000+text%3Akey+word+three`;
    const whole = `id%3A${providerId}+${receiptText}`;
    const template = encodeURIComponent(`http://127.0.0.1:${receiver.port}${ALL_CODES}`);
    const pattern = (d: number, texts: Record<'A' | 'k' | 's' | 'S' | 'r' | 'o' | 'D', string>) =>
      new RegExp(
        `^/d\\?d=${d}&A=${texts.A}&F=${providerId}&i=sandbox&I=([0-9a-f-]{36})&n=tester&p=%2B447700900123&P=12345` +
          '&q=%2B447700900123&Q=12345&t=(\\d{4}-\\d\\d-\\d\\d)\\+(\\d\\d:\\d\\d:\\d\\d)&T=(\\d{10})' +
          `&k=${texts.k}&s=${texts.s}&S=${texts.S}&r=${texts.r}&a=${texts.A}&b=${texts.A}&c=-1&m=-1&M=-1&C=UTF-8` +
          `&u=&B=&o=${texts.o}&O=00&f=&D=${texts.D}&pc=%&x=%x$`,
      );
    const escaped = (text: string) => text.replaceAll('+', '\\+');
    const ack = pattern(8, {
      ...{ A: 'ACK%2F', k: 'ACK%2F', s: '', S: '', r: '', o: '' },
      D: '%3Fsmpp_resp%3F%3Forig_msg%3Fdlr_mask%3D31%26',
    }).exec(receiver.seen[0]!.url);
    const delivered = pattern(1, {
      ...{ A: escaped(whole), k: `id%3A${providerId}`, s: 'sub%3A001', S: 'dlvrd:001', o: 'hermod' },
      r: escaped(receiptText.split('dlvrd%3A001+')[1]!),
      D: '%3Forig_msg%3Fdlr_mask%3D31%26%3Fsmpp%3Fdlr_err%3D%2503%2500%2500%26',
    }).exec(receiver.seen[1]!.url);
    expect(ack, receiver.seen[0]!.url).not.toBeNull();
    expect(delivered, receiver.seen[1]!.url).not.toBeNull();
    expect(delivered![1]).not.toBe(ack![1]);
    for (const [, , day, time, seconds] of [ack!, delivered!]) {
      expect(Date.parse(`${day}T${time}Z`)).toBe(Number(seconds) * 1_000);
      expect(Math.abs(Date.now() / 1_000 - Number(seconds))).toBeLessThan(10);
    }
    expect(receiver.seen[0]!.headers.map(([name]) => name)).toEqual(['host', 'connection', 'User-Agent']);
    expect(receiver.seen[0]!.headers[2]![1]).toMatch(/^Hermod\/\d+\.\d+\.\d+/);
    expect(template).toContain('%25d');
  });

  test('UNDELIV is type 2, with its error in the meta data', async () => {
    const receiver = await receive();
    await settled(await sendTo(receiver, '/d?d=%d&D=%D', { to: '447700900077' }));
    expect(urls(receiver)).toEqual([
      '/d?d=8&D=%3Fsmpp_resp%3F%3Forig_msg%3Fdlr_mask%3D31%26',
      '/d?d=2&D=%3Forig_msg%3Fdlr_mask%3D31%26%3Fsmpp%3Fdlr_err%3D%2503%2500%2501%26',
    ]);
  });

  test.each([
    ['447900000001', 'NACK%2F0x0000000b%2FInvalid+Destination+Address'],
    ['447800000001', 'NACK%2F0x00000045%2FSubmit+failed'],
  ])('a refused submit, to %s, is one type-16 callback and no other', async (to, text) => {
    const receiver = await receive();
    await settled(await sendTo(receiver, '/d?d=%d&A=%A&i=%i&F=%F&p=%p', { to }));
    expect(urls(receiver)).toEqual([`/d?d=16&A=${text}&i=sandbox&F=&p=${to}`]);
  });

  test('a long text is one set of callbacks; masks choose; no mask, no callback', async () => {
    const receiver = await receive();
    const ids = [
      await sendTo(receiver, '/long?d=%d', { text: 'x'.repeat(400) }),
      await sendTo(receiver, '/three?d=%d', { 'dlr-mask': '3' }),
      await sendTo(receiver, '/eight?d=%d', { 'dlr-mask': '8' }),
      await sendTo(receiver, '/sixteen?d=%d', { 'dlr-mask': '16' }),
      await sendTo(receiver, '/none?d=%d', { 'dlr-mask': '0' }),
    ];
    for (const id of ids) await settled(id);
    expect(urls(receiver).toSorted()).toEqual(['/eight?d=8', '/long?d=1', '/long?d=8', '/three?d=1']);
  });
});

test('a receiver that is away for a while gets everything, each once, in order', async () => {
  let down = true;
  const told: string[] = [];
  const receiver = await receive((response, request) => {
    if (!down) told.push(request.url!);
    response.writeHead(down ? 500 : 200).end();
  });
  const ids = await Promise.all(Array.from({ length: 10 }, (_, i) => sendTo(receiver, `/m${i}?d=%d`)));
  await until('each was tried twice', () => receiver.seen.length >= 20);
  for (const id of ids) await until('both wait', async () => (await rig.message(id))?.callbacksWaiting === 2);
  down = false;
  for (const id of ids) await settled(id);
  for (const [i] of ids.entries()) {
    expect(told.filter((url) => url.startsWith(`/m${i}?`))).toEqual([`/m${i}?d=8`, `/m${i}?d=1`]);
  }
});

test('through an https reverse proxy whose certificate comes from an own authority', async () => {
  const behind = await receive();
  const proxy = await receive((response, { url, headers }) => {
    const inner = request({ port: behind.port, host: '127.0.0.1', path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    inner.end();
  }, authority.issue('127.0.0.1'));
  await settled(await sendTo(proxy, '/smsKannelfeedback?d=%d', {}, 'https'));
  expect(urls(behind)).toEqual(['/smsKannelfeedback?d=8', '/smsKannelfeedback?d=1']);
});

test('a receiver that hangs delays no one else', async () => {
  const hangs = await receive(() => {});
  const quick = await receive();
  const model = await connect(rig.amqpUrl);
  const channel = await model.createChannel();
  // More than the notifier holds at once, each in an AMQP message of its own.
  for (let i = 0; i < 10_000; i++) {
    const callback = callbackTo(hangs, 1_000_000_000 + i);
    channel.sendToQueue(NOTIFIER, Buffer.from(JSON.stringify([callback])), { type: 'callback' });
  }
  await until('the slow one is called', () => hangs.seen.length >= 8);
  const startedAt = performance.now();
  const ids = await Promise.all(Array.from({ length: 40 }, (_, i) => sendTo(quick, `/q${i}?d=%d`)));
  for (const id of ids) await settled(id);
  // In turn, 8 at a time and 3 s each, they would have had to wait for an hour.
  expect(performance.now() - startedAt).toBeLessThan(30_000);
  await channel.purgeQueue(NOTIFIER);
  await model.close();
  expect(quick.seen).toHaveLength(80);
  expect(hangs.seen.length).toBeLessThan(100);
});

test('a private address is refused for good: with the reason in the ledger, and put aside', async () => {
  const { ids } = await rig.send({
    to: '447700900123',
    text: 'secret 123456',
    'dlr-mask': '1',
    'dlr-url': 'http://10.1.2.3/d?A=%A',
  });
  const id = ids[0]!;
  await settled(id);
  expect((await rig.message(id))!.untold).toMatch(/^10\.1\.2\.3 is a private address/);
  const model = await connect(rig.amqpUrl);
  const channel = await model.createChannel();
  const letter = await until('a dead letter', async () => {
    const message = await channel.get(deadQueue('callback'), { noAck: true });
    return message && JSON.parse(message.content.toString()).body.id === id ? message : undefined;
  });
  await model.close();
  const { queue, reason, body } = JSON.parse(letter.content.toString());
  expect({ queue, reason }).toEqual({ queue: NOTIFIER, reason: 'the client was not told' });
  expect(body).toMatchObject({ id, dlrType: 1, untold: expect.stringContaining('private address') });
  expect(body.values.text).toMatch(/^id:\d+ .* text:$/);
});

test('a callback that the bus delivers again is not a second call', async () => {
  const receiver = await receive();
  const callback = callbackTo(receiver, 999_999_999);
  const model = await connect(rig.amqpUrl);
  const channel = await model.createChannel();
  const publish = (body: Callback[]) =>
    channel.sendToQueue(NOTIFIER, Buffer.from(JSON.stringify(body)), { type: 'callback' });
  publish([callback, callback]);
  publish([callback]);
  publish([{ ...callback, tries: 1 }]);
  await until('another try is another call', () => receiver.seen.length >= 2);
  await until('all are read', async () => (await channel.checkQueue(NOTIFIER)).messageCount === 0);
  await model.close();
  await settled(await sendTo(receiver, '/after?d=%d', { 'dlr-mask': '8' }));
  expect(urls(receiver)).toEqual(['/once?d=8', '/once?d=8', '/after?d=8']);
});

test('what was due when the gateway stopped is told after its start', async () => {
  let down = true;
  const told: string[] = [];
  const receiver = await receive((response, request) => {
    if (!down) told.push(request.url!);
    response.writeHead(down ? 503 : 200).end();
  });
  const id = await sendTo(receiver, '/restart?d=%d');
  await until('the receipt is owed too', async () => (await rig.message(id))?.callbacksWaiting === 2);
  await rig.stopServices();
  down = false;
  await rig.startServices();
  await settled(id);
  expect(told).toEqual(['/restart?d=8', '/restart?d=1']);
});
