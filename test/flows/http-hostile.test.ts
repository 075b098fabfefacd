// Malformed requests by the thousand at the REST API and the doors that have providers' shapes: each ends in a clear answer,
// none in a fault, and none is sent in part.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey } from '#shared/doors/keys.ts';
import { exchange } from '../peers/http-bytes.ts';
import { basicAuth } from '../rig/api.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const KEY = newKey();
const BATCH = 50;
/** Numbers of requests that must be refused: nothing may arrive at one. */
const FORBIDDEN = '4477009777';
let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      clients: { portal: { password: 'askme', keys: [KEY.digest], sender: '1' } },
    }),
  });
});
afterAll(() => rig?.stop());

const PATHS = [
  '/v1/messages',
  '/v1/messages/preview',
  '/rest/message',
  '/http/sendmsg',
  '/messages',
  '/2010-04-01/Accounts/AC1/Messages',
  '/2010-04-01/Accounts/AC1/Messages.json',
];
type Sent = { path: string; type: string; body: Uint8Array | string };
const post = async ({ path, type, body }: Sent) => {
  const headers = { authorization: basicAuth('portal', 'askme'), 'content-type': type };
  const answer = await fetch(rig.httpUrl + path, { method: 'POST', headers, body: body as string });
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', body: await answer.text() };
};
type Replied = Awaited<ReturnType<typeof post>>;

/** Whether this is a refusal in the door's own form. */
function isRefusal(path: string, { status, type, body }: Replied): boolean {
  if (path === '/http/sendmsg') return status === 200 && /^ERR: \d{3}, /.test(body);
  if (status < 400 || status > 499) return false;
  if (path.startsWith('/v1')) return type.startsWith('application/problem+json') && JSON.parse(body).status === status;
  if (path.endsWith('Messages')) return /<RestException><Code>\d{5}</.test(body);
  return typeof JSON.parse(body) === 'object';
}
const isAccepted = (path: string, { status, body }: Replied) =>
  path === '/http/sendmsg' ? /^ID: /.test(body) : status === 200 || status === 201 || status === 202;

const path = fc.constantFrom(...PATHS);
const type = fc.oneof(
  fc.constantFrom(
    'application/json',
    'application/x-www-form-urlencoded',
    'plain/text',
    'application/xml',
    'x',
    ';',
    'a/b; c',
  ),
  fc.string({ minLength: 1, maxLength: 20 }).filter((one) => /^[!-~][ -~]*[!-~]$/.test(one)),
);
const fields = fc.constantFrom(
  'to',
  'text',
  'from',
  'content',
  'To',
  'Body',
  'From',
  '__proto__',
  'constructor',
  'x',
  '',
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json(),
  fc.dictionary(fields, fc.jsonValue()).map((value) => JSON.stringify(value)),
  fc
    .array(fc.tuple(fields, fc.string({ unit: 'binary', maxLength: 20 })))
    .map((pairs) => pairs.map((pair) => pair.join('=')).join('&')),
  fc.json().chain((json) => fc.nat(json.length).map((end) => json.slice(0, end))),
);
const batches = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: BATCH, maxLength: BATCH });

test('anything at all: accepted, or refused in the form of the door; never a fault', async () => {
  await fc.assert(
    fc.asyncProperty(batches(fc.record({ path, type, body })), async (requests) => {
      const replies = await Promise.all(requests.map(post));
      for (const [i, reply] of replies.entries()) {
        const request = requests[i]!;
        const fine = isAccepted(request.path, reply) || isRefusal(request.path, reply);
        expect(fine, JSON.stringify({ request, reply })).toBe(true);
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 60_000);

describe('what is wrong in one place is refused whole', () => {
  const good = fc.nat(999).map((n) => `+${FORBIDDEN}${String(n).padStart(3, '0')}`);
  const bad = fc.constantFrom('', '+', 'bob', '+44', '0', '123456789012345678', '4477009777aa', '+4477 0097 77 x');
  const recipients = fc
    .tuple(fc.array(good, { maxLength: 3 }), bad, fc.array(good, { maxLength: 3 }))
    .map(([before, one, after]) => [...before, one, ...after]);
  const wrong: Record<string, fc.Arbitrary<object>> = {
    to: recipients.map((to) => ({ to, text: 'x' })),
    text: good.chain((to) =>
      fc.constantFrom({ to: [to] }, { to: [to], text: '' }, { to: [to], text: 7 }, { to: [to], text: ['x'] }),
    ),
    from: good.map((to) => ({ to: [to], text: 'x', from: 'Grüße aus der Ferne ohne Ende' })),
    more: good.map((to) => ({ to: [to], text: 'x', unknown: true })),
    length: good.map((to) => ({ to: [to], text: 'x'.repeat(5_000) })),
  };
  test.each(Object.keys(wrong))('%s', async (what) => {
    await fc.assert(
      fc.asyncProperty(batches(wrong[what]!), async (bodies) => {
        const replies = await Promise.all(
          bodies.map((one) => post({ path: '/v1/messages', type: 'application/json', body: JSON.stringify(one) })),
        );
        for (const [i, reply] of replies.entries())
          expect(isRefusal('/v1/messages', reply), JSON.stringify({ body: bodies[i], reply })).toBe(true);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });

  test('also in the shape of a provider', async () => {
    await fc.assert(
      fc.asyncProperty(batches(recipients), async (lists) => {
        const replies = await Promise.all(
          lists
            // Clickatell's lists leave out what is blank.
            .map((to) => to.map((one) => one || 'bob'))
            .map((to) =>
              post({ path: '/rest/message', type: 'application/json', body: JSON.stringify({ to, text: 'x' }) }),
            ),
        );
        for (const [i, reply] of replies.entries())
          expect(isRefusal('/rest/message', reply), JSON.stringify({ to: lists[i], reply })).toBe(true);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });

  afterAll(async () => {
    const marker = JSON.stringify({ to: '+447700900999', text: 'marker' });
    expect((await post({ path: '/v1/messages', type: 'application/json', body: marker })).status).toBe(202);
    await until('the marker arrives', () => rig.smsc.received.some(({ dest }) => dest.addr === '447700900999'));
    expect(rig.smsc.received.filter(({ dest }) => dest.addr.startsWith(FORBIDDEN))).toEqual([]);
  });
});

test.each([
  ['a length that is no number', 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n'],
  ['two lengths', 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  [
    'length and chunks',
    'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['no HTTP', 'hello\r\n\r\n'],
  ['headers without end', `GET /v1/messages HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`],
  ['a path with broken escapes', 'GET /v1/messages/%zz HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an address as a path', 'GET //x/v1/messages HTTP/1.1\r\nHost: x\r\n\r\n'],
])('below HTTP: %s', async (_what, bytes) => {
  const { status } = await exchange(Number(new URL(rig.httpUrl).port), bytes);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
});
