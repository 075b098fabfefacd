// Suppression lists: what the command puts there every door refuses in its own words, and a door that begins while the
// ledger is away leaves it to the router.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadConfig } from '#shared/config/load.ts';
import { type Host, hostServices, type Service } from '#shared/service.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { Esme } from '../peers/esme.ts';
import { open } from '../peers/smtp-client.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const HERMOD = resolve(import.meta.dirname, '../../deploy/cli/hermod.ts');
const NUMBER = '447700900001';
let rig: Rig;
const ports = { smtp: 0, smpp: 0 };
let remembers: Host | undefined;
let doors: Host | undefined;

const host = (...services: Service[]) =>
  hostServices(services, { loaded: loadConfig(rig.configFile), amqpUrl: rig.amqpUrl });
/** Doors as a process of their own has them: what other services know is not theirs. */
async function freshDoors(): Promise<Host> {
  vi.resetModules();
  const { ingressHttp } = await import('../../services/ingress-http/main.ts');
  const { ingressSmtp } = await import('../../services/ingress-smtp/main.ts');
  const { ingressSmpp } = await import('../../services/ingress-smpp/main.ts');
  return host(ingressHttp, ingressSmtp, ingressSmpp);
}

beforeAll(async () => {
  ports.smtp = await freePort();
  ports.smpp = await freePort();
  const row = { password: 'foobar', sender: '12345' };
  rig = await startRig({
    services: [router, egressSmpp],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smtp: { port: ports.smtp, auth: 'clear' }, smpp: { port: ports.smpp } },
      clients: { tester: row, other: row },
      mail: { rules: [{ name: 'all', client: 'tester', when: {}, pick: [], number: NUMBER, text: 'by mail' }] },
    }),
  });
  remembers = await host(ledger);
  doors = await freshDoors();
}, 120_000);
afterAll(async () => {
  await doors?.stop();
  await remembers?.stop();
  await rig?.stop();
});

const hermod = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((done) => {
    const env = { PATH: process.env.PATH, HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl };
    execFile(process.execPath, [HERMOD, ...args], { env, timeout: 20_000 }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
const send = async (username = 'tester', to = NUMBER) => {
  const query = new URLSearchParams({ username, password: 'foobar', to, text: 'x' });
  const answer = await fetch(`${rig.httpUrl}/cgi-bin/sendsms?${query}`);
  return { status: answer.status, body: await answer.text(), id: answer.headers.get('x-message-id') ?? '' };
};
const refused = () => until('the door refuses it', async () => (await send()).status === 403);

test('put there by command: every door refuses in its words; other numbers and clients go on', async () => {
  expect(await hermod('suppress', '+44 7700 900001', '--client', 'tester')).toMatchObject({
    code: 0,
    out: 'whatever tester sends to this number is refused now\n',
  });
  await refused();
  expect(await send()).toMatchObject({ body: 'The recipient asked not to be sent to. Do not try again.' });
  expect((await send('tester', `447700900002 ${NUMBER}`)).status).toBe(403);
  expect((await send('other')).status).toBe(202);
  expect((await send('tester', '447700900002')).status).toBe(202);

  const authorization = `Basic ${btoa('tester:foobar')}`;
  const rest = await fetch(`${rig.httpUrl}/v1/messages`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ to: `+${NUMBER}`, text: 'x' }),
  });
  expect(await rest.json()).toMatchObject({
    type: '/v1/problems/not-permitted',
    detail: 'recipient 1: it asked this client to stop',
  });
  const twilio = await fetch(`${rig.httpUrl}/2010-04-01/Accounts/tester/Messages.json`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ To: `+${NUMBER}`, From: '12345', Body: 'x' }),
  });
  expect(twilio.status).toBe(403);

  const smtp = await open(ports.smtp);
  await smtp.say(`AUTH PLAIN ${btoa('\0tester\0foobar')}`);
  const mailed = await smtp.mail('a@example.com', ['sms@example.com'], 'Subject: x\r\n\r\nx');
  smtp.close();
  expect(mailed).toMatchObject({ code: 550, text: expect.stringContaining('it asked this client to stop') });

  const esme = await Esme.connect(ports.smpp);
  await esme.bind('bind_transmitter', { systemId: 'tester', password: 'foobar' });
  const { status } = await esme.answerTo(esme.submit({ dest: { addr: NUMBER, ton: 1 } }));
  esme.close();
  expect(status).toBe(STATUS.RINVDSTADR);

  const { out } = await hermod('--json', 'refusals');
  const counts = (JSON.parse(out) as { door: string; reason: string }[]).filter(
    ({ reason }) => reason === 'suppressed',
  );
  expect(new Set(counts.map(({ door }) => door))).toEqual(new Set(['http', 'smtp', 'smpp']));
});

test('the list for people has masked numbers; a wrong question ends in one line', async () => {
  const { out } = await hermod('suppressed', '--client', 'tester');
  expect(out).toMatch(/SINCE +CLIENT +NUMBER +HOW\n\d\d:\d\d:\d\d +tester +4477\.\.01 +by command\n$/);
  expect(await hermod('suppress', NUMBER, '--client', 'nobody')).toMatchObject({
    code: 3,
    err: 'hermod: there is no client nobody: tester, other\n',
  });
});

test('a door that begins while the ledger is away accepts, and the router rejects', async () => {
  const arrived = () => rig.smsc.received.filter(({ dest }) => dest.addr === NUMBER).length;
  await doors?.stop();
  await remembers?.stop();
  const before = arrived();
  doors = await freshDoors();
  const { status, id } = await send();
  expect(status).toBe(202);
  remembers = await host(ledger);
  expect(await rig.final(id)).toMatchObject({ state: 'rejected', reason: 'the number asked this client to stop' });
  expect(arrived()).toBe(before);
  // The ledger tells the version every two seconds: now the door knows it too.
  await refused();
  expect((await hermod('unsuppress', NUMBER, '--client', 'tester')).out).toBe('tester may send to this number again\n');
  await until('the door takes it again', async () => (await send()).status === 202);
});
