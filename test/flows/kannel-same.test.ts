// The same request to Debian's Kannel and to this door: the same answer, and the same submit_sm at the SMS centre.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import type { Received } from '../../services/sandbox/submits.ts';
import { type Kannel, startKannel } from '../peers/kannel.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** Who may call from where: settings of Kannel's user, and of the client in their place. */
const ADDRESSES: [name: string, kannel: string, client: object][] = [
  ['none', '', {}],
  ['deny-me', 'user-deny-ip = "127.0.0.1"', { deniedNetworks: ['127.0.0.1'] }],
  ['deny-other', 'user-deny-ip = "10.0.0.1"', { deniedNetworks: ['10.0.0.1'] }],
  [
    'both-me',
    'user-allow-ip = "127.0.0.1"\nuser-deny-ip = "127.0.0.1"',
    { networks: ['127.0.0.1'], deniedNetworks: ['127.0.0.1'] },
  ],
  [
    'allow-me',
    'user-allow-ip = "127.0.0.1"\nuser-deny-ip = "*.*.*.*"',
    { networks: ['127.0.0.1'], deniedNetworks: ['*.*.*.*'] },
  ],
  [
    'allow-other',
    'user-allow-ip = "10.0.0.1"\nuser-deny-ip = "*.*.*.*"',
    { networks: ['10.0.0.1'], deniedNetworks: ['*.*.*.*'] },
  ],
  [
    'neither',
    'user-allow-ip = "10.0.0.1"\nuser-deny-ip = "10.0.0.2"',
    { networks: ['10.0.0.1'], deniedNetworks: ['10.0.0.2'] },
  ],
  ...['127.0.0.*', '127.*.*.*', '*.*.*.1', '10.*.*.1;127.0.*.1', '10.*.*.*', '*.*.*.2'].map(
    (allowed, i): [string, string, object] => [
      `pattern-${i}`,
      `user-allow-ip = "${allowed}"\nuser-deny-ip = "*.*.*.*"`,
      { networks: allowed.split(';'), deniedNetworks: ['*.*.*.*'] },
    ],
  ),
];

let smsc: Smsc;
let kannel: Kannel;
let rig: Rig;
beforeAll(async () => {
  smsc = await startSmsc({ keep: 0, receipts: { afterMs: 20 } });
  const row = { password: 'test', sender: '12345' };
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      clients: {
        ...standard.clients,
        test: row,
        faked: { ...row, forcedSender: '777' },
        ...Object.fromEntries(ADDRESSES.map(([name, , client]) => [name, { ...row, ...client }])),
      },
    }),
  });
  const user = (name: string, lines: string) =>
    [`group = sendsms-user`, `username = ${name}`, 'password = test', 'default-sender = 12345', lines]
      .filter(Boolean)
      .join('\n');
  const users = [...ADDRESSES.map(([name, lines]) => user(name, lines)), user('faked', 'faked-sender = 777')];
  kannel = await startKannel(
    smsc.port,
    { name: 'u', password: 'p' },
    {
      smpp: 'transceiver-mode = true',
      users: users.join('\n\n'),
    },
  );
}, 300_000);
afterAll(async () => {
  await kannel?.stop();
  await smsc?.stop();
  await rig?.stop();
});

let last = 0;
const newNumber = () => `4477009${String(++last).padStart(5, '0')}`;
const ask = async (url: string, query: string, init: RequestInit = {}) => {
  const answer = await fetch(`${url}?${query}`, init);
  return `${answer.status} ${await answer.text()}`;
};
const theirUrl = () => `${kannel.url}/cgi-bin/sendsms`;
const hermod = () => `${rig.httpUrl}/cgi-bin/sendsms`;
const arrived = (at: Smsc, number: string, parts: number) =>
  until(`${parts} for ${number}`, () => {
    const found = at.received.filter(({ dest }) => dest.addr === number);
    return found.length >= parts ? found.toSorted((a, b) => indexOf(a) - indexOf(b)) : undefined;
  });

/** Of a part: the last octet of its header. */
const indexOf = ({ esmClass, shortMessage }: Received) => (esmClass & 0x40 ? shortMessage[shortMessage[0]!]! : 0);
/** Everything that the two must agree in: not the number of the bind, nor the reference of a concatenation. */
function shown({
  source,
  dest,
  serviceType,
  esmClass,
  protocolId,
  priorityFlag,
  registeredDelivery,
  ...rest
}: Received) {
  const { dataCoding, scheduleDeliveryTime, validityPeriod, shortMessage } = rest;
  let message = shortMessage.toString('hex');
  if (esmClass & 0x40) message = message.replace(/^(.*?0003)..(....)/, '$1rr$2');
  const times = [scheduleDeliveryTime, validityPeriod].map((time) => time !== '');
  return {
    source,
    ton: dest.ton,
    serviceType,
    esmClass,
    protocolId,
    priorityFlag,
    registeredDelivery,
    dataCoding,
    times,
    message,
  };
}

/** `YYMMDDhhmmss000+` to epoch ms. */
const ms = (time: string) => Date.parse(`20${time.replace(/^(..)(..)(..)(..)(..)(..).*/, '$1-$2-$3T$4:$5:$6Z')}`);

/** Both answered 202: the same PDUs have arrived at both, with times that agree within some seconds. */
async function sameAt(to: string, parts = 1): Promise<void> {
  const [theirs, ours] = [await arrived(smsc, to, parts), await arrived(rig.smsc, to, parts)];
  expect(ours.map(shown)).toEqual(theirs.map(shown));
  for (const what of ['scheduleDeliveryTime', 'validityPeriod'] as const) {
    const [one, other] = [ours[0]![what], theirs[0]![what]];
    if (one !== '') expect(Math.abs(ms(one) - ms(other))).toBeLessThan(10_000);
  }
}

async function same(query: string, parts = 1, init: RequestInit = {}): Promise<void> {
  const to = newNumber();
  const asked = query.replace('TO', to);
  const answers = [await ask(theirUrl(), asked, init), await ask(hermod(), asked, init)];
  expect(answers).toEqual(Array(2).fill('202 0: Accepted for delivery'));
  await sameAt(to, parts);
}

const BASE = 'username=test&password=test&from=12345&to=TO';
const codings = ['', '&coding=0', '&coding=1', '&coding=2'];
const all = (lists: string[][]): string[] =>
  lists.reduce((sofar, list) => sofar.flatMap((one) => list.map((more) => one + more)), ['']);

describe('data_coding', () => {
  const classes = ['', '&mclass=0', '&mclass=1', '&mclass=3'];
  test('of class, alphabet, compression and group', async () => {
    for (const query of all([classes, codings, ['', '&compress=1'], ['', '&alt-dcs=1']]))
      await same(`${BASE}&text=AbCd${query}`);
  });
  test('of message waiting', async () => {
    for (const query of all([Array.from({ length: 8 }, (_, i) => `&mwi=${i}`), codings.slice(1)]))
      await same(`${BASE}&text=AbCd${query}`);
  });
});

test.each([
  ['pid', '&text=x&pid=64'],
  ['rpi', '&text=x&rpi=1'],
  ['priority', '&text=x&priority=3'],
  ['binfo', '&text=x&binfo=abcdefgh'],
  ['account and meta-data', '&text=x&account=acc&meta-data=%3Fsmpp%3Fa%3D1%26'],
  ['validity', '&text=x&validity=60'],
  [
    'what is -1 counts as not given',
    '&text=x&mclass=-1&mwi=-1&coding=-1&compress=-1&alt-dcs=-1&pid=-1&rpi=-1&validity=-1&deferred=-1&priority=-1&dlr-mask=-1',
  ],
  ['what is no number counts as not given', '&text=x&mclass=a&pid=a&coding=&dlr-mask=a'],
  ['dlr-mask', '&text=x&dlr-mask=31&dlr-url=http%3A%2F%2F127.0.0.1%3A9%2F'],
  ['a header, and octets', '&text=%00%01%FF&udh=%06%05%04%15%8a%00%00&coding=1'],
  ['a header without a coding', '&text=hello&udh=%06%05%04%15%8a%00%00'],
  ['a header, and text', '&text=%C3%A9%40&udh=%06%05%04%15%8a%00%00&coding=0'],
  ['a header, and Unicode', '&text=%04%1F&udh=%06%05%04%15%8a%00%00&coding=2'],
])('%s', (_case, query) => same(BASE + query));

test('long texts, with and without a header of the client', async () => {
  await same(`${BASE}&text=${'abcdefghij'.repeat(40)}`, 3);
  await same(`${BASE}&text=${'%00%01%02%03'.repeat(75)}&coding=1`, 3);
  await same(`${BASE}&text=${'%04%1F'.repeat(100)}&coding=2`, 2);
  await same(`${BASE}&text=${'%00%01%02%03'.repeat(75)}&coding=1&udh=%06%05%04%15%8a%00%00`, 3);
});

describe('POST', () => {
  const headers = (more: Record<string, string> = {}) => ({
    'content-type': 'text/plain',
    'x-kannel-username': 'test',
    'x-kannel-password': 'test',
    'x-kannel-to': 'TO',
    'x-kannel-from': '12345',
    ...more,
  });
  const post = (body: string, more: Record<string, string> = {}) => {
    const to = newNumber();
    return {
      to,
      init: { method: 'POST', body: body.replace('TO', to), headers: { ...headers(more), 'x-kannel-to': to } },
    };
  };
  const sameTo = async ({ to, init }: ReturnType<typeof post>) => {
    const answers = [await ask(theirUrl(), '', init), await ask(hermod(), '', init)];
    expect(answers).toEqual(Array(2).fill('202 0: Accepted for delivery'));
    await sameAt(to);
  };
  test.each([
    ['a text', {}],
    ['with its charset', { 'content-type': 'text/plain; charset=UTF-8' }],
    [
      'every header',
      {
        'x-kannel-from': 'Acme',
        'X-Kannel-MClass': '1',
        'X-Kannel-PID': '5',
        'X-Kannel-RPI': '1',
        'X-Kannel-Priority': '2',
        'X-Kannel-Validity': '60',
        'X-Kannel-DLR-Mask': '31',
        'X-Kannel-DLR-Url': 'http://127.0.0.1:9/',
        'X-Kannel-Account': 'a',
        'X-Kannel-BInfo': 'b',
        'X-Kannel-Compress': '0',
        'X-Kannel-Alt-DCS': '1',
      },
    ],
    ['a header in hex', { 'X-Kannel-UDH': '06050415820000', 'X-Kannel-Coding': '1' }],
    ['octets', { 'content-type': 'application/octet-stream' }],
  ])('%s', (_case, more) => sameTo(post('the post body', more)));

  const xml = (more = '', text = 'xml text') =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<message><submit><da><number>TO</number></da><oa><number>123</number></oa><ud>${text}</ud><from><user>test</user><username>test</username><pass>test</pass><password>test</password></from>${more}</submit></message>`;
  test.each([
    ['XML', xml()],
    ['XML, UTF-8 and entities', xml('', 'h\u00e9 \u20ac &lt;&amp;&gt; &#65;')],
    ['XML, UCS-2', xml('<dcs><coding>2</coding></dcs>')],
    [
      'XML, everything',
      xml(
        '<dcs><mclass>1</mclass><coding>0</coding><compress>0</compress><alt-dcs>1</alt-dcs></dcs><pid>5</pid><rpi>1</rpi><vp><delay>60</delay></vp><statusrequest><dlr-mask>31</dlr-mask><dlr-url>http://127.0.0.1:9/y</dlr-url></statusrequest><priority>2</priority>',
      ),
    ],
  ])('%s', (_case, body) => sameTo(post(body, { 'content-type': 'text/xml' })));
});

test('a forced sender', () => same('username=faked&password=test&to=TO&text=x&from=555'));

describe('who may call from where', () => {
  test.each(ADDRESSES.map(([name]) => name))('%s', async (name) => {
    const query = `username=${name}&password=test&to=${newNumber()}&text=x`;
    expect(await ask(hermod(), query)).toBe(await ask(theirUrl(), query));
  });
});

describe('refusals', () => {
  const base = 'username=test&password=test&from=12345';
  test.each([
    ...['mclass=4', 'mclass=-2', 'coding=3', 'mwi=8', 'compress=2', 'alt-dcs=2', 'pid=256', 'rpi=3', 'priority=4'],
    ...['validity=-5', 'deferred=-5', 'dlr-mask=67', 'dlr-url=nonsense', 'dlr-url=ftp%3A%2F%2Fx%2F', 'udh=%06%05'],
    ...['udh=050003', 'charset=KLINGON', `account=${'a'.repeat(100)}`],
  ])('%s', async (more) => {
    const query = `${base}&to=447700900001&text=x&${more}`;
    const theirs = await ask(theirUrl(), query);
    expect(theirs).toMatch(/^400 /);
    expect(await ask(hermod(), query)).toBe(theirs);
  });
  test.each([
    ['no name', 'to=447700900001&text=x', {}],
    ['wrong password', 'username=test&password=x&to=447700900001&text=x', {}],
    ['no to', `${base}&text=x`, {}],
    ['empty to', `${base}&to=&text=x`, {}],
    [
      'query and a text',
      `${base}&to=447700900001`,
      { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'hello' },
    ],
    ['broken XML', '', { method: 'POST', headers: { 'content-type': 'text/xml' }, body: '<message><submit><da>' }],
    ['PUT', `${base}&to=447700900001&text=x`, { method: 'PUT', body: 'x' }],
    ['DELETE', `${base}&to=447700900001&text=x`, { method: 'DELETE' }],
  ])('%s', async (_case, query, init) => {
    expect(await ask(hermod(), query, init)).toBe(await ask(theirUrl(), query, init));
  });
});

test('HEAD sends, as it does with Kannel', async () => {
  const to = newNumber();
  const query = `${BASE.replace('TO', to)}&text=head`;
  expect([await ask(theirUrl(), query, { method: 'HEAD' }), await ask(hermod(), query, { method: 'HEAD' })]).toEqual([
    '202 ',
    '202 ',
  ]);
  await sameAt(to);
});
