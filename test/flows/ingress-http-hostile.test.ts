// Hostile requests by the thousand at the HTTP door: each ends in a clear 4xx or 5xx, the door lives on, and nothing is
// sent to half of anyone.
import { connect } from 'node:net';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRig } from '../rig/rig.ts';

const SLOW_MS = 30_000;
let rig: Rig;
let slow: Promise<{ answer: string; ms: number }>;
const agent = new Agent({ connections: 4, pipelining: 1 });
beforeAll(async () => {
  rig = await startRig();
  slow = trickle('GET /cgi-bin/sendsms HTTP/1.1\r\nHost: x\r\nX-Slow: ');
});
afterAll(async () => {
  await agent.close();
  await rig?.stop();
});

const target = () => {
  const { hostname, port } = new URL(rig.httpUrl);
  return { host: hostname, port: Number(port) };
};

/** What comes back until the other side closes; at most `ms`. */
function raw(octets: Buffer | string, ms = 5_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(target(), () => socket.end(octets));
    socket.setTimeout(ms, () => {
      socket.destroy();
      reject(new Error(`still open after ${ms} ms: ${answer.slice(0, 80)}`));
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

/** A header that never ends, an octet a second. */
function trickle(start: string): Promise<{ answer: string; ms: number }> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let answer = '';
    const socket = connect(target(), () => socket.write(start));
    const timer = setInterval(() => socket.write('a'), 1_000);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      resolve({ answer, ms: performance.now() - startedAt });
    });
  });
}

const octets = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const encoded = octets.map((value) =>
  [...Buffer.from(value, 'latin1')].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join(''),
);
const value = fc.oneof(
  encoded,
  fc.constantFrom('', '%', '%zz', '+', '%00', '-1', '99999999999999999999', '447700955501', 'abc'),
);
const name = fc.constantFrom(
  ...'to text from username password coding charset udh mclass mwi compress alt-dcs pid rpi validity deferred'.split(
    ' ',
  ),
  ...'priority dlr-mask dlr-url account binfo meta-data smsc x-user x-tag __proto__ constructor'.split(' '),
);
const pairs = fc
  .array(fc.tuple(name, value), { maxLength: 12 })
  .map((list) => list.map((pair) => pair.join('=')).join('&'));
const header = fc.constantFrom('to', 'from', 'udh', 'coding', 'charset', 'username', 'password', 'dlr-url');
const headers = fc.dictionary(
  header.map((one) => `x-kannel-${one}`),
  fc.stringMatching(/^[ -~]{0,30}$/),
  { maxKeys: 5 },
);
const type = fc.constantFrom(
  'text/plain',
  'text/xml',
  'application/xml',
  'application/x-www-form-urlencoded',
  'application/json',
  'application/octet-stream',
  'multipart/form-data',
  'text/plain; charset=KLINGON',
  ';;;',
);
const xml = fc.constantFrom(
  '<message><submit><da><number>447700955501</number></da></submit></message>',
  '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
  `${'<a>'.repeat(2_000)}`,
  '<message><submit><ud>&#0;&#x110000;</ud></submit></message>',
  '<?xml version="1.0" encoding="KLINGON"?><message/>',
  '<message><submit><__proto__><number>1</number></__proto__></submit></message>',
);
const body = fc.oneof(pairs, octets, xml);

/** A text and a name without a password: none of these may be taken. */
test('requests that are HTTP', { timeout: 60_000 }, async () => {
  const method = fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS');
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(method, pairs, headers, type, body, async (how, query, more, contentType, content) => {
      runs++;
      const answer = await request(`${rig.httpUrl}/cgi-bin/sendsms?${query}`, {
        method: how as 'GET',
        dispatcher: agent,
        headers: { ...more, ...(how === 'GET' || how === 'HEAD' ? {} : { 'content-type': contentType }) },
        ...(how === 'GET' || how === 'HEAD' ? {} : { body: Buffer.from(content, 'latin1') }),
      });
      await answer.body.text();
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.statusCode).toBeLessThan(500);
    }),
    { numRuns: 1_500 },
  );
  expect(runs).toBeGreaterThanOrEqual(1_500);
});

test('requests of a client that is known: taken whole or refused, never a fault', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(pairs, async (more) => {
      const query = `username=tester&password=foobar&smsc=nowhere&${more}`;
      const answer = await request(`${rig.httpUrl}/cgi-bin/sendsms?${query}`, { dispatcher: agent });
      await answer.body.text();
      expect([400, 403]).toContain(answer.statusCode);
    }),
    { numRuns: 700 },
  );
});

test('octets that are no HTTP', { timeout: 60_000 }, async () => {
  const line = fc.oneof(
    octets,
    fc.constantFrom(
      'GET / HTTP/9.9',
      'GET  /',
      'get / http/1.1',
      'POST /cgi-bin/sendsms HTTP/1.1\r\nContent-Length: -1',
      'POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6',
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5',
      'GET /% HTTP/1.1\r\nHost: x',
    ),
  );
  await fc.assert(
    fc.asyncProperty(line, octets, async (first, rest) => {
      const answer = await raw(Buffer.from(`${first}\r\n${rest}\r\n\r\n`, 'latin1'));
      if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 (4\d\d|5\d\d) /);
    }),
    { numRuns: 300 },
  );
});

test.each([
  [
    'a header too long',
    `GET /cgi-bin/sendsms HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(40_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
  [
    'a query too long',
    `GET /cgi-bin/sendsms?text=${'a'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    /^HTTP\/1\.1 (414|431) /,
  ],
  [
    'a body too long',
    `POST /cgi-bin/sendsms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 70000\r\n\r\n${'a'.repeat(70_000)}`,
    /^HTTP\/1\.1 413 /,
  ],
  [
    'a path that cannot be decoded',
    'GET /cgi-bin/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 4\d\d /,
  ],
])('%s', async (_case, octets, wanted) => {
  expect(await raw(octets)).toMatch(wanted);
});

test('after all that the door takes a message, and nothing else was sent', async () => {
  const { status, ids } = await rig.send({ to: '447700900001', text: 'alive' });
  expect(status).toBe(202);
  await rig.final(ids[0]!);
  expect(rig.smsc.received.map(({ dest }) => dest.addr)).toEqual(['447700900001']);
});

test(
  'a client that sends an octet a second is answered 408 and closed',
  async () => {
    const { answer, ms } = await slow;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(ms).toBeLessThan(SLOW_MS);
  },
  SLOW_MS + 5_000,
);
