// Every request of the record of Kannel 1.4.5: status, body, and what reaches the SMS centre. Rows marked `ours` answer
// otherwise on purpose: see deploy/docs/kannel-differences.md.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      providers: { sandbox: { ...(standard.providers.sandbox as object), deny: { prefixes: ['4479'] } } },
      clients: {
        test: { password: 'foobar', maxSegments: 5 },
        def: { password: 'foobar', sender: '999' },
        denied: { password: 'foobar', deniedNetworks: ['127.0.0.1'] },
        forced: { password: 'foobar', forcedSmsc: 'nowhere' },
      },
    }),
  });
});
afterAll(() => rig?.stop());

const OK = [202, '0: Accepted for delivery'] as const;
const AUTH = [403, 'Authorization failed for sendsms'] as const;
const LISTS = [400, 'Number(s) has/have been denied by white- and/or black-lists.'] as const;
const NOT_FOUND = [404, 'Unknown request.'] as const;
const field = (name: string) => [400, `${name} field misformed, rejected`] as const;
const HELLO = '68656c6c6f';
const PLAIN = `0 3 ${HELLO}`;

let last = 0;
const newNumber = () => `4477008${String(++last).padStart(5, '0')}`;

type Wanted = readonly [status: number, body: string];
/** Sends the query with a number of its own for each TO, and gives what arrived for the last: `dcs esm octets`. */
async function check(
  query: string,
  [status, body]: Wanted,
  arrived?: string[],
  path = '/cgi-bin/sendsms',
  init: RequestInit = {},
): Promise<void> {
  const to = newNumber();
  const filled = (text: string) => text.replaceAll('TO', to);
  const more = typeof init.body === 'string' ? { ...init, body: filled(init.body) } : init;
  const headers = Object.fromEntries(
    Object.entries((init.headers ?? {}) as Record<string, string>).map(([name, value]) => [name, filled(value)]),
  );
  const answer = await fetch(`${rig.httpUrl}${path}${query === '' ? '' : `?${filled(query)}`}`, { ...more, headers });
  expect([answer.status, await answer.text()]).toEqual([status, body]);
  if (!arrived) return;
  const pdus = await until('what was accepted', () => {
    const found = rig.smsc.received.filter(({ dest }) => dest.addr === to);
    return found.length >= arrived.length ? found : undefined;
  });
  const shown = pdus.map(
    ({ dataCoding, esmClass, shortMessage }) => `${dataCoding} ${esmClass} ${shortMessage.toString('hex')}`,
  );
  expect(shown.toSorted().map((one, i) => one.startsWith(arrived.toSorted()[i]!.slice(0, 40)))).toEqual(
    arrived.map(() => true),
  );
}

const who = 'username=test&password=foobar';
const base = `${who}&from=1&to=TO&text=hello`;

describe('GET', () => {
  test.each<[string, string, Wanted, string[]?]>([
    ['success', `${who}&from=12345&to=TO&text=hello`, OK, [PLAIN]],
    ['user= and pass=', 'user=test&pass=foobar&from=12345&to=TO&text=hello', OK, [PLAIN]],
    ['wrong password', 'username=test&password=x&from=12345&to=TO&text=hello', AUTH],
    ['unknown user', 'username=nobody&password=foobar&from=12345&to=TO&text=hello', AUTH],
    ['no username', 'from=12345&to=TO&text=hello', AUTH],
    ['client address denied', 'username=denied&password=foobar&from=1&to=TO&text=hello', AUTH],
    ['no to', `${who}&from=12345&text=hello`, [400, 'Missing receiver number, rejected']],
    ['empty to', `${who}&from=12345&to=&text=hello`, [400, 'Empty receiver number not allowed, rejected']],
    ['to=abc', `${who}&from=12345&to=abc&text=hello`, LISTS],
    ['ours: to=+ only', `${who}&from=12345&to=%2B&text=hello`, LISTS],
    ['to=12-34567', `${who}&from=12345&to=12-34567&text=hello`, OK],
    ['to=00…', `${who}&from=12345&to=00447700900001&text=hello`, OK],
    ['two recipients', `${who}&from=12345&to=TO+447700900002&text=hello`, OK, [PLAIN]],
    ['ours: two recipients, one invalid', `${who}&from=12345&to=TO+abc&text=hello`, LISTS],
    ['ours: no text', `${who}&from=12345&to=TO`, [400, 'Empty text not allowed, rejected']],
    ['ours: empty text', `${who}&from=12345&to=TO&text=`, [400, 'Empty text not allowed, rejected']],
    ['no from, no default-sender', `${who}&to=TO&text=hello`, [400, 'Sender missing and no global set, rejected']],
    ['no from, default-sender 999', 'username=def&password=foobar&to=TO&text=hello', OK, [PLAIN]],
    ['alphanumeric from', `${who}&from=Acme&to=TO&text=hello`, OK, [PLAIN]],
    [
      'ours: forced-smsc that does not exist',
      'username=forced&password=foobar&from=1&to=TO&text=hello',
      [403, 'Not routable. Do not try again.'],
    ],
    ['ours: smsc= that does not exist', `${base}&smsc=nope`, [403, 'Not routable. Do not try again.']],
    [
      'prefix denied at the only SMSC',
      `${who}&from=1&to=447900900001&text=hello`,
      [403, 'Not routable. Do not try again.'],
    ],
    ['coding=9', `${base}&coding=9`, field('Coding')],
    [
      'coding=2 charset=UTF-8',
      `${who}&from=1&to=TO&text=%D0%9F%D1%80%D0%B8&coding=2&charset=UTF-8`,
      OK,
      ['8 3 041f04400438'],
    ],
    ['ours: cyrillic, no coding', `${who}&from=1&to=TO&text=%D0%9F%D1%80%D0%B8`, OK, ['8 3 041f04400438']],
    ['coding=2, raw UTF-16BE', `${who}&from=1&to=TO&text=%04%1F%04%40&coding=2`, OK, ['8 3 041f0440']],
    ['UTF-8 e-acute euro', `${who}&from=1&to=TO&text=%C3%A9%E2%82%AC`, OK, ['0 3 051b65']],
    ['charset=ISO-8859-1 e-acute', `${who}&from=1&to=TO&text=%E9&charset=ISO-8859-1`, OK, ['0 3 05']],
    [
      'charset unknown',
      `${who}&from=1&to=TO&text=h%C3%A9&charset=KLINGON`,
      [400, 'Charset or body misformed, rejected'],
    ],
    ['@ and {}[]', `${who}&from=1&to=TO&text=%40%7B%7D%5B%5D`, OK, ['0 3 001b281b291b3c1b3e']],
    ['mclass=0 flash', `${base}&mclass=0`, OK, [`240 3 ${HELLO}`]],
    ['mclass=9', `${base}&mclass=9`, field('MClass')],
    ['mwi=9', `${base}&mwi=9`, field('MWI')],
    ['validity=-5', `${base}&validity=-5`, field('Validity')],
    ['validity=abc', `${base}&validity=abc`, OK, [PLAIN]],
    ['deferred=-5', `${base}&deferred=-5`, field('Deferred')],
    ['priority=9', `${base}&priority=9`, field('Priority')],
    ['pid=999', `${base}&pid=999`, field('PID')],
    ['rpi=9', `${base}&rpi=9`, field('RPI')],
    ['alt-dcs=9', `${base}&alt-dcs=9`, field('Alt-DCS')],
    ['compress=9', `${base}&compress=9`, field('Compress')],
    ['dlr-mask=99, no url', `${base}&dlr-mask=99`, field('DLR-Mask')],
    [
      'udh + coding=1',
      `${who}&from=1&to=TO&text=%01%02%03&coding=1&udh=%06%05%04%15%8A%00%00`,
      OK,
      ['4 67 060504158a0000010203'],
    ],
    ['invalid udh', `${base}&udh=%06%05`, field('UDH')],
    ['161 chars', `${who}&from=1&to=TO&text=${'a'.repeat(161)}`, OK, ['0 67 050003', '0 67 050003']],
    [
      'ours: 800 chars, max-messages 5',
      `${who}&from=1&to=TO&text=${'b'.repeat(800)}`,
      [400, 'the text needs 6 segments, 5 are allowed, rejected'],
    ],
    ['unknown parameter', `${base}&nonsense=1`, OK, [PLAIN]],
    ['account, binfo', `${base}&account=a&binfo=b`, OK, [PLAIN]],
  ])('%s', (_case, query, wanted, arrived) => check(query, wanted, arrived));

  test.each(['/unknown', '/', '/sendsms'])('%s is an unknown request', (path) =>
    check(base, NOT_FOUND, undefined, path),
  );
});

describe('other methods', () => {
  const xml = (password: string) =>
    `<?xml version="1.0"?><message><submit><da><number>TO</number></da><oa><number>12345</number></oa><ud>xml text</ud><from><username>test</username><password>${password}</password></from></submit></message>`;
  const headers = {
    'X-Kannel-Username': 'test',
    'X-Kannel-Password': 'foobar',
    'X-Kannel-From': '12345',
    'X-Kannel-To': 'TO',
  };
  const text = { 'content-type': 'text/plain' };
  const post = (body: string, more: Record<string, string>) => ({ method: 'POST', body, headers: more });
  test.each<[string, string, RequestInit, Wanted, string[]?]>([
    [
      'POST, X-Kannel headers, text/plain',
      '',
      post('post body', { ...headers, ...text }),
      OK,
      ['0 3 706f737420626f6479'],
    ],
    ['POST, query + text/plain body', `${who}&from=1&to=TO`, post('post body', text), AUTH],
    [
      'ours: POST form-urlencoded',
      '',
      post(base, { 'content-type': 'application/x-www-form-urlencoded' }),
      OK,
      [PLAIN],
    ],
    ['POST XML', '', post(xml('foobar'), { 'content-type': 'text/xml' }), OK, ['0 3 786d6c2074657874']],
    ['POST XML, wrong password', '', post(xml('x'), { 'content-type': 'text/xml' }), AUTH],
    ['POST XML, broken', '', post('<message><submit><da>', { 'content-type': 'text/xml' }), AUTH],
    ['HEAD', `${who}&from=1&to=TO&text=head`, { method: 'HEAD' }, [202, ''], ['0 3 68656164']],
    ['PUT', base, { method: 'PUT', body: 'x' }, [400, '']],
  ])('%s', (_case, query, init, wanted, arrived) => check(query, wanted, arrived, '/cgi-bin/sendsms', init));
});

test('ours: a provider that is down', async () => {
  await rig.smsc.stop();
  await check(base, OK);
});
