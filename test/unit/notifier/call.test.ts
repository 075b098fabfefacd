// One try of a callback over real sockets: what is sent, what counts as success, limits, redirects, TLS, proxies.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { makeCall } from '../../../services/notifier/call.ts';
import { type Callers, openCallers } from '../../../services/notifier/clients.ts';
import { targetOf } from '../../../services/notifier/target.ts';
import { newAuthority } from '../../rig/certificates.ts';
import { freePort } from '../../rig/port.ts';
import { type Answer, type Receiver, startReceiver } from '../../rig/receiver.ts';

const dir = mkdtempSync(join(tmpdir(), 'hermod-call-'));
const stops: (() => Promise<unknown>)[] = [];
let callers: Callers | undefined;
beforeEach(() => {
  callers = undefined;
});
afterEach(async () => {
  await callers?.close();
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => rmSync(dir, { recursive: true }));

const receive = async (answer?: Answer, tls?: Parameters<typeof startReceiver>[1]): Promise<Receiver> => {
  const receiver = await startReceiver(answer, tls);
  stops.push(receiver.stop);
  return receiver;
};
/** `client`: YAML of the client's `callbacks`, in flow style. */
const callWith = (client: string, url: string, timeoutMs = 2_000, allow = '[127.0.0.0/8, localhost]') => {
  callers ??= openCallers(
    parseConfig(`callbacks: {allow: ${allow}}\nclients: {c: {password: p, callbacks: ${client}}}`, 'test.yaml', {}),
    dir,
  );
  return makeCall(targetOf(url)!, callers.of('c'), 'Hermod/test', timeoutMs);
};
const call = (url: string, timeoutMs?: number, allow?: string) => callWith('{}', url, timeoutMs, allow);

test('a GET with Host, Connection and User-Agent and nothing else, over connections that stay', async () => {
  const receiver = await receive();
  for (let i = 0; i < 20; i++) {
    expect(await call(`http://127.0.0.1:${receiver.port}/d?t='8'&x=%zz|`)).toEqual({ ok: true, reason: '200' });
  }
  expect(receiver.seen[0]).toEqual({
    method: 'GET',
    url: "/d?t='8'&x=%zz|",
    body: '',
    headers: [
      ['host', `127.0.0.1:${receiver.port}`],
      ['connection', 'keep-alive'],
      ['User-Agent', 'Hermod/test'],
    ],
  });
  // The next call may begin before its predecessor's connection is free again.
  expect(receiver.connections()).toBeLessThanOrEqual(2);
});

test.each([
  [204, true],
  [299, true],
  [304, false],
  [404, false],
  [500, false],
])('status %i', async (status, ok) => {
  const receiver = await receive((response) => response.writeHead(status).end());
  const answer = await call(`http://127.0.0.1:${receiver.port}/`);
  expect(answer).toEqual({ ok, reason: ok ? String(status) : `HTTP status ${status}` });
});

describe('what goes wrong is told in a line, and may be tried again', () => {
  test('nobody listens', async () => {
    expect(await call(`http://127.0.0.1:${await freePort()}/secret`)).toEqual({
      ok: false,
      reason: 'connection refused',
    });
  });
  test('no such host', async () => {
    const { ok, permanent, reason } = await call('http://does-not-exist.invalid/');
    expect({ ok, permanent }).toEqual({ ok: false, permanent: undefined });
    expect(reason).toMatch(/host name|name server/);
  });
  test('no answer', async () => {
    const receiver = await receive(() => {});
    const startedAt = performance.now();
    expect(await call(`http://127.0.0.1:${receiver.port}/`, 150)).toEqual({
      ok: false,
      reason: 'no answer within 0.15 s',
    });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
  test('an answer that drips', async () => {
    const receiver = await receive((response) => {
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect((await call(`http://127.0.0.1:${receiver.port}/`, 150)).reason).toBe('no answer within 0.15 s');
  });
  test('the connection closes', async () => {
    const receiver = await receive((response) => response.socket!.destroy());
    expect((await call(`http://127.0.0.1:${receiver.port}/`)).reason).toBe('connection closed before the answer');
  });
  test('this is not HTTP', async () => {
    const server = createTcpServer((socket) => socket.resume().end('220 mail.example ESMTP\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise((done) => server.close(done)));
    const { ok, reason } = await call(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(ok).toBe(false);
    expect(reason).toMatch(/Parse Error|Expected HTTP/);
  });
});

test('of a body without end 64 KiB are read', async () => {
  let written = 0;
  const receiver = await receive((response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384))) written += 16_384;
    };
    response.on('drain', more);
    more();
  });
  expect(await call(`http://127.0.0.1:${receiver.port}/`)).toEqual({ ok: true, reason: '200' });
  expect(written).toBeLessThan(16 * 1_048_576);
});

describe('redirects', () => {
  const redirect =
    (to: string, status = 302): Answer =>
    (response) =>
      response.writeHead(status, { location: to }).end();
  test('three are followed', async () => {
    const receiver = await receive((response, request, count) =>
      request.url === '/end'
        ? response.end()
        : redirect(count < 3 ? `step${count}?x=1` : '/end')(response, request, count),
    );
    expect((await call(`http://127.0.0.1:${receiver.port}/a/b`)).ok).toBe(true);
    expect(receiver.seen.map(({ url }) => url)).toEqual(['/a/b', '/a/step1?x=1', '/a/step2?x=1', '/end']);
  });
  test('four are not', async () => {
    const receiver = await receive(redirect('/again', 307));
    expect(await call(`http://127.0.0.1:${receiver.port}/`)).toEqual({ ok: false, reason: 'more than 3 redirects' });
    expect(receiver.seen).toHaveLength(4);
  });
  test('each is judged', async () => {
    const inside = await receive();
    const receiver = await receive(redirect(`http://localhost:${inside.port}/`));
    const { permanent, reason } = await call(`http://127.0.0.1:${receiver.port}/`, 2_000, '[127.0.0.1]');
    // localhost resolves to 127.0.0.1, which is allowed, and to nothing else that is.
    expect({ permanent, reason }).toEqual({ permanent: undefined, reason: '200' });
    const metadata = await receive(redirect('http://169.254.169.254/latest/meta-data/'));
    const answer = await call(`http://127.0.0.1:${metadata.port}/`);
    expect(answer).toMatchObject({ ok: false, permanent: true });
    expect(answer.reason).toMatch(/169\.254\.169\.254 is a cloud metadata address/);
  });
  test.each(['file:///etc/passwd', 'gopher://127.0.0.1/', 'http://'])('never to %s', async (to) => {
    const receiver = await receive(redirect(to));
    expect(await call(`http://127.0.0.1:${receiver.port}/`)).toMatchObject({ ok: false, permanent: true });
  });
  test('a password goes to the host that it was given for, and no further', async () => {
    const other = await receive();
    const receiver = await receive((response, request, count) =>
      redirect(count === 1 ? '/second' : `http://127.0.0.1:${other.port}/third`)(response, request, count),
    );
    await callWith('{user: hermod, password: secret}', `http://127.0.0.1:${receiver.port}/`);
    const sent = (seen: Receiver['seen']) =>
      seen.map(({ headers }) => headers.find(([name]) => name === 'authorization')?.[1]);
    const basic = `Basic ${Buffer.from('hermod:secret').toString('base64')}`;
    expect(sent(receiver.seen)).toEqual([basic, basic]);
    expect(sent(other.seen)).toEqual([undefined]);
  });
});

describe('forbidden addresses', () => {
  test.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://2130706433:PORT/',
  ])('%s is not connected to', async (url) => {
    const receiver = await receive();
    const answer = await call(url.replace('PORT', String(receiver.port)), 2_000, '[]');
    expect(answer).toMatchObject({ ok: false, permanent: true });
    expect(answer.reason).toMatch(/callbacks\.allow/);
    expect(receiver.connections()).toBe(0);
  });
  test("a client's own list counts for this client only", async () => {
    const receiver = await receive();
    expect((await callWith('{allow: [localhost]}', `http://localhost:${receiver.port}/`, 2_000, '[]')).ok).toBe(true);
    const answer = await makeCall(targetOf(`http://localhost:${receiver.port}/`)!, callers!.of('other'), 'x', 2_000);
    expect(answer.permanent).toBe(true);
  });
});

test('user and password in the URL are Basic authentication, before those of the row', async () => {
  const receiver = await receive();
  await callWith('{user: a, password: b}', `http://ise:p%40ss@127.0.0.1:${receiver.port}/`);
  const { headers } = receiver.seen[0]!;
  expect(headers).toContainEqual(['authorization', `Basic ${Buffer.from('ise:p@ss').toString('base64')}`]);
});

describe('TLS', () => {
  const authority = newAuthority();
  const server = authority.issue('localhost', '127.0.0.1');
  const file = (name: string, content: string) => {
    writeFileSync(join(dir, name), content);
    return name;
  };
  test('with an own authority', async () => {
    const receiver = await receive(undefined, server);
    const url = `https://localhost:${receiver.port}/x`;
    expect(await callWith(`{ca: ${file('ca.pem', authority.ca)}}`, url)).toEqual({ ok: true, reason: '200' });
  });
  test('a certificate of an unknown authority, or for another name, is not accepted', async () => {
    const receiver = await receive(undefined, server);
    const { ok, permanent, reason } = await call(`https://localhost:${receiver.port}/`);
    expect({ ok, permanent }).toEqual({ ok: false, permanent: undefined });
    expect(reason).toMatch(/certificate/);
    await callers!.close();
    callers = undefined;
    const other = await receive(undefined, authority.issue('other.example'));
    const answer = await callWith(`{ca: ${file('ca.pem', authority.ca)}}`, `https://localhost:${other.port}/`);
    expect(answer.reason).toMatch(/does not match certificate/);
  });
  test('with a client certificate', async () => {
    const mine = authority.issue('hermod');
    const receiver = await receive(undefined, {
      ...server,
      ca: authority.ca,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const url = `https://localhost:${receiver.port}/`;
    const ca = file('ca.pem', authority.ca);
    expect((await callWith(`{ca: ${ca}}`, url)).ok).toBe(false);
    await callers!.close();
    callers = undefined;
    const row = `{ca: ${ca}, cert: ${file('cert.pem', mine.cert)}, key: ${file('key.pem', mine.key)}}`;
    expect(await callWith(row, url)).toEqual({ ok: true, reason: '200' });
  });
  test.each([
    ['{ca: missing.pem}', /clients\.c\.callbacks\.ca: .*missing\.pem/],
    ['{cert: ca.pem}', /cert and key belong together/],
    ['{ca: broken.pem}', /cannot be used/],
  ])('files that cannot be used end the start in one line: %s', async (row, line) => {
    file('ca.pem', authority.ca);
    file('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    expect(() => callWith(row, 'http://127.0.0.1/')).toThrow(line);
  });
});

describe('through a proxy', () => {
  /** Forwards requests in absolute form and opens tunnels; keeps what it was asked. */
  const startProxy = async () => {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      const onward = httpRequest(request.url!, { headers: { host: request.headers.host! } }, (answer) => {
        response.writeHead(answer.statusCode!);
        answer.pipe(response);
      });
      onward.end();
    });
    proxy.on('connect', (request, socket: Socket) => {
      asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      const onward = connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      sockets.add(onward).add(socket);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    stops.push(
      () =>
        new Promise((done) => {
          proxy.close(done);
          proxy.closeAllConnections();
          for (const socket of sockets) socket.destroy();
        }),
    );
    return { asked, port: (proxy.address() as AddressInfo).port };
  };
  const credentials = `Basic ${Buffer.from('p:q').toString('base64')}`;

  test('http in the form for proxies, https through a tunnel', async () => {
    const authority = newAuthority();
    writeFileSync(join(dir, 'ca.pem'), authority.ca);
    const [plain, secure] = [await receive(), await receive(undefined, authority.issue('localhost'))];
    const proxy = await startProxy();
    const row = `{ca: ca.pem, proxy: 'http://p:q@127.0.0.1:${proxy.port}', user: u, password: v}`;
    expect(await callWith(row, `http://localhost:${plain.port}/a?b`)).toEqual({ ok: true, reason: '200' });
    expect(await callWith(row, `https://localhost:${secure.port}/c?d`)).toEqual({ ok: true, reason: '200' });
    expect(proxy.asked).toEqual([
      `GET http://localhost:${plain.port}/a?b ${credentials}`,
      `CONNECT localhost:${secure.port} ${credentials}`,
    ]);
    expect(secure.seen[0]!.headers).toContainEqual(['authorization', `Basic ${Buffer.from('u:v').toString('base64')}`]);
    expect(JSON.stringify(secure.seen[0]!.headers)).not.toContain('proxy');
  });
  test('what is forbidden is not asked of the proxy either', async () => {
    const proxy = await startProxy();
    const row = `{proxy: 'http://127.0.0.1:${proxy.port}'}`;
    for (const host of ['127.0.0.1', 'localhost', '10.0.0.1'])
      expect((await callWith(row, `http://${host}/`, 2_000, '[]')).permanent).toBe(true);
    expect(proxy.asked).toEqual([]);
  });
});
