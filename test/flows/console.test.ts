// The console over HTTP: who gets in, who may do what, and what each answer shows.
import { request } from 'node:http';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audited } from '#shared/audit.ts';
import { openBus } from '#shared/bus/bus.ts';
import { hashPassword } from '#shared/doors/credentials.ts';
import { newId } from '#shared/messages/id.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type Console, putAside, startConsole, type Visitor, visitor } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** Nothing listens there. */
const NOBODYS_PORT = 9;
const ENTRY = 'a-token-of-the-first-run';
let rig: Rig;
let console_: Console;
let stranger: Visitor;
let viewer: Visitor;
let operator: Visitor;
let admin: Visitor;

beforeAll(async () => {
  const port = await freePort();
  const password = await hashPassword('right');
  const users = Object.fromEntries(['viewer', 'operator', 'admin'].map((role) => [role, { password, role }]));
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, notifier],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, console: { port } },
      providers: { ...standard.providers, spare: { ...(standard.providers.sandbox as object), port: NOBODYS_PORT } },
      console: { users },
      retention: { texts: '1h' },
      clients: { tester: { ...(standard.clients.tester as object), perNumber: { most: 2 } } },
    }),
  });
  console_ = await startConsole(rig, port, ENTRY);
  stranger = visitor(console_.url);
  const loggedIn = async (user: string) => {
    const one = visitor(console_.url);
    expect((await one.post('/api/login', { user, password: 'right' })).status).toBe(200);
    return one;
  };
  viewer = await loggedIn('viewer');
  operator = await loggedIn('operator');
  admin = await loggedIn('admin');
});
afterAll(async () => {
  await console_?.stop();
  await rig?.stop();
});
describe('who gets in', () => {
  test('nobody without a session, whatever the path', async () => {
    for (const path of ['session', 'now', 'live', 'audit', 'messages', `messages/${newId()}`, 'letters'])
      expect(await stranger.get(`/api/${path}`), path).toMatchObject({ status: 401, body: { error: 'log in first' } });
    for (const path of ['providers/sandbox/pause', 'letters/again', 'letters/discard', `messages/${newId()}/reveal`])
      expect((await stranger.post(`/api/${path}`)).status, path).toBe(401);
  });

  test('a wrong name and a wrong password look the same; the cookie is for this host, and not for scripts', async () => {
    const wrong = { status: 401, body: { error: 'wrong name or password' } };
    expect(await stranger.post('/api/login', { user: 'admin', password: 'wrong' })).toMatchObject(wrong);
    expect(await stranger.post('/api/login', { user: 'nobody', password: 'right' })).toMatchObject(wrong);
    expect(stranger.cookie()).toBe('');
    expect(viewer.cookie()).toMatch(/^hermod=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  test('the first link lets in once', async () => {
    const [guest, second] = [visitor(console_.url), visitor(console_.url)];
    expect((await guest.post('/api/enter', { token: 'another' })).status).toBe(401);
    expect(await guest.post('/api/enter', { token: ENTRY })).toMatchObject({ status: 200, body: { role: 'admin' } });
    expect((await guest.get('/api/session')).status).toBe(200);
    expect((await second.post('/api/enter', { token: ENTRY })).status).toBe(401);
    expect((await guest.post('/api/logout')).status).toBe(200);
  });

  test('after log-out the cookie is worth nothing', async () => {
    const guest = visitor(console_.url);
    await guest.post('/api/login', { user: 'viewer', password: 'right' });
    const old = guest.cookie().split(';')[0]!;
    expect((await guest.get('/api/session')).status).toBe(200);
    await guest.post('/api/logout');
    expect((await guest.get('/api/session', { cookie: old })).status).toBe(401);
  });

  test('nothing is changed for another page: origin, Sec-Fetch-Site, and JSON alone', async () => {
    const path = '/api/providers/sandbox/pause';
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) expect(await admin.post(path, {}, headers)).toMatchObject({ status: 403 });
    const { port } = new URL(console_.url);
    const status = await new Promise((resolve) => {
      const headers = { cookie: admin.cookie().split(';')[0]!, 'content-type': 'application/json' };
      const call = request({ port, host: '127.0.0.1', path, method: 'POST', headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      call.end('{}');
    });
    expect(status, 'without an origin').toBe(403);
    expect((await admin.post(path, 'a=b', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await admin.post(path, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
    expect((await admin.get('/api/now')).body.providers).toMatchObject([{ provider: 'sandbox', paused: false }, {}]);
  });

  test('every answer forbids frames, foreign scripts and guesses at types; pages have neither script nor style in them', async () => {
    const page = await stranger.get('/messages');
    for (const { headers } of [page, await stranger.get('/api/now'), await stranger.get('/nowhere')]) {
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'self';.*frame-ancestors 'none'/);
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect(page.status).toBe(200);
    expect(page.body.text).not.toMatch(/<style|style=|<script(?![^>]*src=)|https?:/);
    expect((await admin.get('/api/now')).headers.get('cache-control')).toBe('no-store');
    const tag = page.headers.get('etag')!;
    expect((await stranger.get('/queues', { 'if-none-match': tag })).status).toBe(304);
    for (const path of ['/assets/../main.ts', '/assets/%2e%2e/main.ts', '/assets/dom.js/..'])
      expect((await stranger.get(path)).status, path).toBe(404);
  });
});

test('a viewer looks, an operator puts right, an admin throws away', async () => {
  const id = newId();
  const actions = {
    [`messages/${id}/cancel`]: 'operator',
    [`messages/${id}/reveal`]: 'operator',
    [`messages/${id}/again`]: 'operator',
    [`messages/${id}/text`]: 'admin',
    'providers/nobody/pause': 'operator',
    'providers/nobody/resume': 'operator',
    'providers/nobody/drain': 'operator',
    'providers/nobody/try': 'operator',
    'clients/nobody/begin-again': 'operator',
    'numbers/begin-again': 'operator',
    'numbers/suppress': 'operator',
    'letters/again': 'operator',
    'letters/discard': 'admin',
  };
  for (const [path, needs] of Object.entries(actions)) {
    expect((await viewer.post(`/api/${path}`)).status, path).toBe(403);
    expect((await operator.post(`/api/${path}`)).status === 403, path).toBe(needs === 'admin');
    expect((await admin.post(`/api/${path}`)).status, path).not.toBe(403);
  }
  const line = { event: 'console', user: 'viewer', state: 'refused', address: '127.0.0.1' };
  await until('it is written down', () =>
    console_.access().some((each) => Object.entries(line).every(([key, value]) => each[key] === value)),
  );
});

test('a message is found in each way, its number is hidden until someone is written down', async () => {
  const [id = ''] = (await rig.send({ to: '447700900123', text: 'Hidden words', 'dlr-mask': '31' })).ids;
  await rig.final(id);
  const find = async (query: string) =>
    ((await viewer.get(`/api/messages?${query}`)).body.messages as { id: string }[]).map((one) => one.id);
  for (const query of [
    '',
    'number=900123',
    'number=%2B44+7700+900123',
    'client=tester',
    'state=delivered&hours=1',
    'provider=sandbox&number=0123',
  ])
    expect(await find(query), query).toContain(id);
  for (const query of ['number=900124', 'client=nobody', 'state=failed', 'provider=spare', `before=${id}`])
    expect(await find(query), query).not.toContain(id);
  expect(await viewer.get('/api/messages?number=12')).toMatchObject({ status: 400 });
  expect(await viewer.get('/api/messages?colour=red')).toMatchObject({ status: 400 });

  const story = await viewer.get(`/api/messages/${id}`);
  expect(story.body).toMatchObject({ id, to: '4477..23', state: 'delivered', attempts: [{ provider: 'sandbox' }] });
  expect(JSON.stringify(story.body)).not.toMatch(/Hidden|7700900123/);
  expect(await viewer.get(`/api/messages/${newId()}`)).toMatchObject({ status: 404 });
  expect(await viewer.get('/api/messages/x')).toMatchObject({ status: 400 });

  expect(await operator.post(`/api/messages/${id}/reveal`)).toMatchObject({
    status: 200,
    body: { to: '447700900123' },
  });
  await until('the reveal is written down', () =>
    console_
      .access()
      .find((line) => line.action === 'reveal' && line.user === 'operator' && line.object === `message ${id}`),
  );
  expect(await operator.post(`/api/messages/${id}/cancel`)).toMatchObject({ status: 409 });
});

test('a scheduled message is cancelled', async () => {
  const [id = ''] = (await rig.send({ to: '447700900123', text: 'later', deferred: '60' })).ids;
  await until('it is known', async () => (await viewer.get(`/api/messages/${id}`)).status === 200);
  expect(await operator.post(`/api/messages/${id}/cancel`)).toMatchObject({ body: { state: 'cancelled' } });
  expect((await rig.final(id)).state).toBe('cancelled');
});

test('a final message is sent again as a new one, which names the old; the router says why it went there', async () => {
  const [id = ''] = (await rig.send({ to: '447700900126', text: 'kept words' })).ids;
  await rig.final(id);
  expect(await admin.post(`/api/messages/${id}/text`)).toMatchObject({ body: { text: 'kept words' } });
  const again = await operator.post(`/api/messages/${id}/again`);
  const copy = (again.body as { id: string }).id;
  await rig.final(copy);
  const both = rig.smsc.received.filter(({ dest }) => dest.addr === '447700900126');
  expect(both.map(({ shortMessage }) => shortMessage.toString())).toEqual(['kept words', 'kept words']);
  const story = (await viewer.get(`/api/messages/${id}`)).body;
  expect(story).toMatchObject({ textKept: true, copies: [{ id: copy }], tells: false });
  expect((await viewer.get(`/api/messages/${copy}`)).body).toMatchObject({
    original: id,
    client: 'tester',
    state: 'delivered',
  });
  expect(JSON.stringify(story)).not.toContain('kept words');
  expect(await viewer.get(`/api/messages/${id}/why`)).toMatchObject({
    body: {
      provider: 'sandbox',
      steps: [{ about: 'route', name: 'route 1', ok: true }, { about: 'provider', name: 'sandbox' }, { about: 'pick' }],
    },
  });
  await until('both are written down', () =>
    ['send again', 'reveal text'].every((action) =>
      console_.access().some((line) => line.action === action && line.object === `message ${id}`),
    ),
  );
});

test('a message that is still on its way is not sent again', async () => {
  const [id = ''] = (await rig.send({ to: '447700900127', text: 'later', deferred: '60' })).ids;
  await until('it is known', async () => (await viewer.get(`/api/messages/${id}`)).status === 200);
  expect(await operator.post(`/api/messages/${id}/again`)).toMatchObject({
    status: 409,
    body: { error: 'it cannot be sent again: it is still on its way' },
  });
});

test('what is known now says what is wrong, and a paused provider is seen', async () => {
  type Known = { problems: { level: string; text: string }[]; providers: Record<string, unknown>[]; lanes: unknown[] };
  const known = async () => (await viewer.get('/api/now')).body as unknown as Known;
  const first = await until('the spare provider is missed', async () => {
    const now = await known();
    return now.problems.some(({ text }) => text.startsWith('spare is not connected: ')) && now;
  });
  expect(first.problems.filter(({ text }) => !text.includes('spare'))).toEqual([]);
  expect(first.providers[0]).toMatchObject({ provider: 'sandbox', bearer: 'smpp', state: 'up', bound: 1, allowed: 1 });
  expect(first.lanes).toMatchObject([
    { lane: 'urgent', router: 0 },
    { lane: 'bulk', retry: 0 },
  ]);

  expect(await operator.post('/api/providers/nobody/pause')).toMatchObject({ status: 404 });
  expect(await operator.post('/api/providers/sandbox/pause')).toMatchObject({ body: { paused: ['sandbox'] } });
  const note = await until('it is seen', async () => (await known()).problems.find(({ level }) => level === 'note'));
  expect(note.text).toMatch(/^sandbox is paused/);
  expect(await operator.post('/api/providers/sandbox/resume')).toMatchObject({ body: { paused: [] } });
  await until('it is up again', async () => (await known()).providers[0]!.state === 'up');
});

test('a draining provider gets only what no other can take; a test message comes with its verdict', async () => {
  const states = async () => {
    const { providers } = (await viewer.get('/api/now')).body as { providers: { provider: string; state: string }[] };
    return Object.fromEntries(providers.map(({ provider, state }) => [provider, state]));
  };
  expect(await operator.post('/api/providers/sandbox/drain')).toMatchObject({ body: { draining: ['sandbox'] } });
  await until('it drains', async () => (await states()).sandbox === 'draining');
  // It is the only one of its route.
  const [id = ''] = (await rig.send({ to: '447700900140', text: 'still goes' })).ids;
  await rig.final(id);
  expect(await operator.post('/api/providers/sandbox/resume')).toMatchObject({ body: { paused: [] } });
  await until('it is up again', async () => (await states()).sandbox === 'up');

  const tried = await operator.post('/api/providers/sandbox/try', { to: '+447700900141', text: 'a test' });
  expect(tried).toMatchObject({ status: 200, body: { verdict: 'accepted', provider: 'sandbox' } });
  expect(await operator.post('/api/providers/sandbox/try', { to: 'Bob', text: 'a test' })).toMatchObject({
    status: 400,
  });
});

test('clients and numbers: who was refused and why, caps and lists, and letting them in again', async () => {
  const client = async () => (await viewer.get('/api/clients')).body as { clients: object[]; denials: object[] };
  await fetch(`${rig.httpUrl}/cgi-bin/sendsms?username=tester&password=wrong&to=447700900150&text=x`);
  await fetch(`${rig.httpUrl}/v1/messages`, { headers: { authorization: 'Bearer nobodys-key' } });
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await rig.send({ to: '447700900151', text: `code ${i}` })).status);
  expect(statuses).toEqual([202, 202, 503]);
  const { denials } = await until('the doors were asked', async () => {
    const found = await client();
    return found.denials.length >= 3 && found;
  });
  expect(denials).toContainEqual(
    expect.objectContaining({
      client: 'tester',
      claimed: true,
      door: 'http',
      detail: expect.stringMatching(/^wrong password/),
    }),
  );
  expect(denials).toContainEqual(expect.objectContaining({ claimed: false, detail: 'no client has this name or key' }));
  expect(denials).toContainEqual(expect.objectContaining({ client: 'tester', claimed: false, reason: 'number' }));
  expect(JSON.stringify(denials)).not.toMatch(/wrong"|nobodys-key|7700900151/);

  const number = '+44 7700 900151';
  const look = async () => (await viewer.get(`/api/numbers?number=${encodeURIComponent(number)}`)).body;
  expect(await look()).toMatchObject({
    number: '4477..51',
    caps: [{ client: 'tester', most: 2, used: 2 }],
    suppressed: [],
  });
  expect(((await look()).messages as unknown[]).length).toBe(2);
  expect(await operator.post('/api/numbers/begin-again', { number })).toMatchObject({ status: 200 });
  expect((await rig.send({ to: '447700900151', text: 'code 3' })).status).toBe(202);

  const listed = (suppressed: boolean) =>
    operator.post('/api/numbers/suppress', { number, client: 'tester', suppressed });
  expect(await listed(true)).toMatchObject({ body: { changed: true } });
  expect((await look()).suppressed).toMatchObject([{ client: 'tester', number: '4477..51', source: 'console' }]);
  expect((await viewer.get('/api/suppressed')).body).toMatchObject({ count: 1 });
  await until(
    'the door refuses it',
    async () => (await rig.send({ to: '447700900151', text: 'code 4' })).status !== 202,
  );
  expect(await listed(false)).toMatchObject({ body: { changed: true } });
  expect((await look()).suppressed).toEqual([]);
  expect(await viewer.get('/api/numbers?number=bob')).toMatchObject({ status: 400 });
});

test('live: what is known comes by itself, and ends with the session', async () => {
  const guest = visitor(console_.url);
  await guest.post('/api/login', { user: 'viewer', password: 'right' });
  const cookie = guest.cookie().split(';')[0]!;
  const answer = await fetch(`${console_.url}/api/live`, { headers: { cookie } });
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body!) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split('event: now\ndata: {"at":').length >= 3 && !text.includes('event: ended'))
      await guest.post('/api/logout');
  }
  expect(text).toMatch(/event: ended\ndata: \{\}\n\n$/);
});

test('dead letters: texts hidden, sent again, thrown away', async () => {
  const [sent, gone] = [newId(), newId()];
  await putAside(rig, sent, '447700900130');
  await putAside(rig, gone, '447700900131');
  const { body } = await viewer.get('/api/letters');
  const envelopes = [{ id: sent, to: '4477..30' }];
  expect(body).toMatchObject({ all: 2, letters: [{ kind: 'message', queue: 'router.urgent', envelopes }, {}] });
  const [key, other] = (body.letters as { key: string }[]).map((letter) => letter.key);
  expect(JSON.stringify(body)).not.toMatch(/Your code|447700900130/);
  await until(
    'they are counted',
    async () => ((await viewer.get('/api/now')).body.dead as { message: number }).message === 2,
  );

  expect(await operator.post('/api/letters/again', { keys: [key] })).toMatchObject({ body: { done: 1, faults: [] } });
  await until('it is at the SMSC', () => rig.smsc.received.some(({ dest }) => dest.addr === '447700900130'));
  expect(await operator.post('/api/letters/again', { keys: [key] })).toMatchObject({ status: 409 });
  expect(await admin.post('/api/letters/discard', { keys: [other] })).toMatchObject({ body: { done: 1 } });
  expect((await viewer.get('/api/letters')).body).toEqual({ all: 0, letters: [] });
  expect(rig.smsc.received.some(({ dest }) => dest.addr === '447700900131')).toBe(false);
  await until('both are written down', () =>
    ['send again', 'discard'].every((action) =>
      console_.access().some((line) => line.action === action && String(line.object).startsWith('letter ')),
    ),
  );
  expect(await operator.post('/api/letters/again', { keys: ['../..'] })).toMatchObject({ status: 400 });
});

test('the audit log: who did what, from where, and how it ended; for admins', async () => {
  expect((await operator.get('/api/audit')).status).toBe(403);
  type Entry = { entry: string; user: string; action: string; object: string; result: string; detail: string };
  const entries = async (query: string) => (await admin.get(`/api/audit?${query}`)).body.entries as Entry[];
  await operator.post('/api/providers/sandbox/pause');
  await operator.post('/api/providers/sandbox/resume');
  const gone = newId();
  expect((await operator.post(`/api/messages/${gone}/cancel`)).status).toBe(404);
  const [failed] = await until('it is there', async () => {
    const found = await entries(`object=message+${gone}`);
    return found[0]?.result === 'failed' && found;
  });
  expect(failed).toMatchObject({
    user: 'operator',
    address: '127.0.0.1',
    action: 'cancel',
    detail: 'no message has this id',
  });
  expect((await entries('object=provider+sandbox&user=operator')).slice(0, 2)).toMatchObject([
    { action: 'resume', result: 'done' },
    { action: 'pause', result: 'done' },
  ]);
  expect(await entries('user=viewer&hours=1')).toContainEqual(
    expect.objectContaining({ action: 'POST /api/letters/discard', result: 'refused', detail: 'needs the role admin' }),
  );
  expect(await entries('action=log-in&user=admin')).toMatchObject([
    { result: 'refused', detail: 'password: wrong' },
    { result: 'done', detail: 'password' },
  ]);
  expect(await entries('object=provider%25')).toEqual([]);
  // Whoever does something dies before it has ended: that it was tried is known.
  const bus = await openBus(rig.amqpUrl, 'console', pino({ level: 'silent' }));
  const who = { user: 'anna', address: '192.0.2.7' };
  await new Promise<void>((resolve) => {
    void audited(bus, who, { action: 'pause', object: 'provider main' }, async () => {
      resolve();
      await new Promise(() => {});
    });
  });
  await bus.close();
  await until('it is there', async () => (await entries('user=anna'))[0]?.result === 'tried');
  // What cannot be written down is not done.
  let done = false;
  const late = audited(bus, who, { action: 'pause' }, async () => {
    done = true;
  });
  await expect(late).rejects.toThrow(/^nothing was done, since the audit log cannot be written: /);
  expect(done).toBe(false);
  const [newest] = await entries('');
  expect((await entries(`before=${newest!.entry}`))[0]!.entry < newest!.entry).toBe(true);
});

test('guesses: after ten wrong ones nothing is looked at for a minute, and no password is written down', async () => {
  const guess = (password: string) => stranger.post('/api/login', { user: 'my-password-by-mistake', password });
  const statuses = await until('the guesses are limited', async () => {
    const { status } = await guess('guess');
    return status === 429 && status;
  });
  expect(statuses).toBe(429);
  expect(await stranger.post('/api/login', { user: 'admin', password: 'right' })).toMatchObject({ status: 429 });
  const written = `${JSON.stringify(console_.access())}${console_.output.join('\n')}`;
  expect(written).toContain('"action":"log-in","state":"refused"');
  expect(written).not.toMatch(/right"|guess|by-mistake|a-token-of|447700900/);
});
