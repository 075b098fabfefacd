// Messages from handsets through the whole gateway, with the configuration that the page shows: from a sandbox SMSC to
// URLs, a mailbox and an SMPP client, and answers back to the handset.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { toReport } from '#shared/topology.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { id as command, Esme, readDeliver } from '../peers/esme.ts';
import { type MailServer, startMailServer } from '../peers/mail-server.ts';
import { freePort } from '../rig/port.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, type Settings, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const PAGE = readFileSync(resolve(import.meta.dirname, '../../deploy/docs/incoming.md'), 'utf8');
const SHOWN = /```yaml\n(.*?)```/s.exec(PAGE)![1]!;
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let rig: Rig;
let shop: Receiver;
let mails: MailServer;
let smpp: number;
/** How the shop answers. */
let answer: { status: number; type: string; body: string };

beforeAll(async () => {
  shop = await startReceiver((response) =>
    response.writeHead(answer.status, answer.type ? { 'content-type': answer.type } : {}).end(answer.body),
  );
  mails = await startMailServer();
  smpp = await freePort();
  const filled = SHOWN.replaceAll('https://shop.example.com', `http://127.0.0.1:${shop.port}`)
    .replaceAll(/\$\{SHOP_SECRET\}/g, SECRET)
    .replaceAll(/\$\{\w+\}/g, 'foobar');
  const page = parse(filled) as Settings & { clients: Settings; callbacks: { mail: object }; incoming: Settings };
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, ingressSmpp, notifier],
    settings: (standard) => ({
      ...standard,
      ...page,
      listen: { ...standard.listen, smpp: { port: smpp } },
      clients: { ...standard.clients, ...page.clients },
      callbacks: {
        mail: { ...page.callbacks.mail, host: '127.0.0.1', port: mails.port, security: 'none' },
        allow: ['127.0.0.1'],
        retries: ['200ms'],
        timeout: '3s',
      },
      incoming: { ...page.incoming, answersPerHour: 3 },
    }),
  });
}, 120_000);
afterAll(async () => {
  await rig?.stop();
  await shop?.stop();
  await mails?.stop();
});
beforeEach(() => {
  answer = { status: 200, type: 'text/plain', body: '' };
});

let last = 0;
const newHandset = () => `4477009${String(++last).padStart(5, '0')}`;
/** A message to the gateway, and its handset. */
function say(text: string, { from = newHandset(), to = '12345' } = {}): string {
  rig.smsc.deliver({ from, to, text });
  return from;
}
/** The first call of this path. */
const called = (path: string) => until(`a call of ${path}`, () => shop.seen.find(({ url }) => url.startsWith(path)));
/** Texts that a handset got, once it got one. */
const answered = (handset: string) =>
  until(`an answer to ${handset}`, () => {
    const found = answersTo(handset);
    return found.length > 0 ? found : undefined;
  });
const answersTo = (handset: string) =>
  rig.smsc.received
    .filter(({ dest }) => dest.addr === handset)
    .map(({ source, shortMessage }) => `${source.addr}: ${shortMessage.toString('latin1')}`);
const hermod = async (handset: string) => {
  const query = new URLSearchParams({ username: 'shop', password: 'foobar', to: handset, from: '12345', text: 'x' });
  return (await fetch(`${rig.httpUrl}/cgi-bin/sendsms?${query}`)).status;
};

test("a keyword, in any case: the URL with Kannel's codes, and its reply as an SMS from the number", async () => {
  answer = { status: 200, type: 'text/html; charset=utf-8', body: '<h1>Thanks</h1><p>for 4711 &amp; more</p>' };
  const handset = say('Order 4711  please: €5');
  const { url, method } = await called('/order');
  expect(`${method} ${url}`).toBe(
    `GET /order?from=%2B${handset}&to=12345&order=4711&text=Order+4711+please%3A+%E2%82%AC5`,
  );
  expect(await answered(handset)).toEqual(['12345: Thanks\n\nfor 4711 & more']);
});

test.each([
  [
    'a status other than 2xx, once, whatever comes later',
    { status: 500, type: '', body: 'x' },
    ['Please try again later.'],
  ],
  ['no text', { status: 200, type: 'application/json', body: '{}' }, []],
  ['nothing', { status: 200, type: 'text/plain', body: ' ' }, []],
])('a URL that answers with %s', async (_what, given, texts) => {
  answer = given;
  const before = shop.seen.length;
  const handset = say('order 1');
  await until('it was called', () => shop.seen.length > before);
  if (given.status === 500) await until('and again', () => shop.seen.length > before + 1);
  answer = { status: 200, type: 'text/plain', body: 'at last' };
  // What is said now is answered after anything that the first message brought about.
  expect(await answered(say('order 2'))).toEqual(['12345: at last']);
  expect(answersTo(handset)).toEqual(texts.map((text) => `12345: ${text}`));
});

test('a fixed text; no more than so many in an hour, and none to a name', async () => {
  const handset = newHandset();
  for (const text of ['info', 'HELP me', 'Info', 'info', 'info']) say(text, { from: handset });
  say('info', { from: 'Lottery' });
  await until('three', () => answersTo(handset).length >= 3);
  expect(await answered(say('info'))).toEqual(['12345: Send ORDER and a number. STOP ends this.']);
  expect(answersTo(handset)).toHaveLength(3);
  expect(answersTo('Lottery')).toEqual([]);
});

test('POST: the text as body, and headers', async () => {
  const handset = say('note Grüße');
  const { url, body, headers } = await called('/note');
  expect([url, body]).toEqual([`/note?from=%2B${handset}`, 'note Grüße']);
  expect(Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))).toMatchObject({
    'content-type': 'text/plain; charset="UTF-8"',
    'x-kannel-from': `+${handset}`,
    'x-kannel-to': '12345',
    'x-kannel-smsc': 'sandbox',
    'x-kannel-coding': '0',
    'x-kannel-time': expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
  });
});

test('a signed event', async () => {
  const handset = say('vote yes', { to: '54321' });
  const { body, headers } = await called('/votes');
  const head = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  const signed = `${head['webhook-id']}.${head['webhook-timestamp']}.${body}`;
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
  expect(head['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  expect(JSON.parse(body)).toMatchObject({
    type: 'message.received',
    data: { from: `+${handset}`, to: '54321', text: 'vote yes', provider: 'sandbox' },
  });
});

test('a mailbox', async () => {
  const handset = say('Жук, hello\nthere');
  const kept = await until('a mail', () => mails.kept.find(({ mail }) => mail.subject?.includes(handset)));
  expect(kept).toMatchObject({ from: '', to: ['desk@example.com'] });
  expect(kept.mail.subject).toBe(`SMS from +${handset} to 12345`);
  expect(kept.mail.text?.trimEnd()).toBe('Жук, hello\nthere');
});

test('an SMPP client: what waited, short, long and in UCS-2', async () => {
  const long = 'long '.repeat(60);
  const handset = newHandset();
  for (const text of ['short €', 'Привет', long]) say(text, { from: handset, to: '54321' });
  const esme = await Esme.connect(smpp);
  await esme.bind('bind_receiver', { systemId: 'crm', password: 'foobar' });
  await esme.next();
  const got: ReturnType<typeof readDeliver>[] = [];
  while (got.length < 3) {
    const pdu = await esme.next(10_000);
    if (pdu.id !== command.deliver_sm) continue;
    got.push(readDeliver(pdu));
    esme.answer(pdu, 0, Buffer.of(0));
  }
  esme.close();
  expect(got.map(({ dataCoding }) => dataCoding).toSorted()).toEqual([0, 0, 8]);
  for (const { source, dest, esmClass } of got)
    expect({ source, dest: dest.addr, esmClass }).toEqual({
      source: { ton: 1, npi: 1, addr: handset },
      dest: '54321',
      esmClass: 0,
    });
  const texts = got.map(({ dataCoding, shortMessage }) =>
    dataCoding === 8 ? Buffer.from(shortMessage).swap16().toString('utf16le') : shortMessage.toString('latin1'),
  );
  expect(texts.toSorted()).toEqual(['long '.repeat(60), 'short \u001be', 'Привет'].toSorted());
});

test('a long message, its parts out of order and a restart of everything between them', async () => {
  const handset = newHandset();
  const texts = ['note first ', 'second ', 'third'];
  const model = await connect(rig.amqpUrl);
  const channel = await model.createConfirmChannel();
  const send = async (part: number) => {
    const { exchange, key } = toReport('incoming');
    const concat = { reference: 9, total: 3, part };
    const head = { v: 1, type: 'report', kind: 'incoming', at: Date.now(), provider: 'sandbox' };
    const report = { ...head, from: handset, to: '12345', text: texts[part - 1], concat };
    channel.publish(exchange, key, Buffer.from(JSON.stringify([report])), { type: 'report', persistent: true });
    await channel.waitForConfirms();
  };
  await send(3);
  await send(1);
  await rig.stopServices();
  await send(2);
  await rig.startServices();
  await send(2);
  await model.close();
  await until('the whole message', () => shop.seen.some(({ body }) => body === 'note first second third'));
  // What was handed on is not handed on again after the next start.
  await rig.stopServices();
  await rig.startServices();
  await until('bound again', () => rig.smsc.binds().now > 0);
  const marker = say('note marker');
  await until('a later one', () => shop.seen.some(({ url }) => url === `/note?from=%2B${marker}`));
  expect(shop.seen.filter(({ body }) => body.includes('first second'))).toHaveLength(1);
});

test('STOP: handed on, not answered, refused at the door until START', async () => {
  const handset = say(' Stop! ');
  await until('refused', async () => (await hermod(handset)) === 403);
  await until('the desk knows', () => mails.kept.find(({ mail }) => mail.subject?.includes(handset)));
  say('info', { from: handset });
  say('UNSTOP', { from: handset });
  await until('taken again', async () => (await hermod(handset)) === 202);
  // Everyone to whom the number leads: not only the desk's client.
  const other = say('stop', { to: '54321' });
  await until('refused', async () => (await hermod(other)) === 403);
});
