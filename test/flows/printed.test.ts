// Every complete configuration that the documents print, imported as it is printed, sends: each row goes to a stand-in of its
// provider, with nothing changed but the addresses, and the files and devices of this machine. SMPP is in import.test.ts:
// what is printed of it has placeholders.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { egressHttp } from '../../services/egress-http/main.ts';
import { egressModem } from '../../services/egress-modem/main.ts';
import { egressPush } from '../../services/egress-push/main.ts';
import { egressScript } from '../../services/egress-script/main.ts';
import { egressSmtp } from '../../services/egress-smtp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { requireDebian } from '../peers/debian.ts';
import { type Google, startGoogle } from '../peers/google.ts';
import { type HttpProvider, startHttpProvider } from '../peers/http-provider.ts';
import { type MailGateway, startMailGateway } from '../peers/mail-gateway.ts';
import { Modem } from '../peers/modem/modem.ts';
import { type Plugged, plug } from '../peers/modem/pty.ts';
import { type RealProxy, startTinyproxy } from '../peers/proxies.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { PRINTED, type Printed } from '../unit/import/printed.ts';
import { importOf } from '../unit/import/rig.ts';

const CODE = '372873';
/** What privacyIDEA sends to a push gateway. */
const CHALLENGE = '{"title":"privacyIDEA","question":"Do you log in?","nonce":"n"}';
const COMPLETE = PRINTED.filter(({ complete }) => complete);
/** What each example's own rule takes for a success. */
const ANSWERS: [path: RegExp, body: string][] = [
  [/^\/RPC2/, '<?xml version="1.0"?><methodResponse><params/></methodResponse>'],
  [/./, 'ID: 1 200 OK'],
];

type Row = Record<string, unknown> & { bearer: string };

const dir = mkdtempSync(join(tmpdir(), 'hermod-printed-'));
const proxies = new Map<string, RealProxy>();
const modems: { modem: Modem; plugged: Plugged }[] = [];
let http: HttpProvider;
let mail: MailGateway;
let google: Google;
let rig: Rig;

/** The proxy with the printed login, as a real one here. */
async function proxyLike(printed: string): Promise<string> {
  const { username: user, password } = new URL(printed);
  const key = `${user}:${password}`;
  if (!proxies.has(key)) proxies.set(key, await startTinyproxy({ user, password }));
  return `http://${key}@127.0.0.1:${proxies.get(key)!.port}`;
}

async function modemAt(name: string): Promise<string> {
  const modem = new Modem({ submitMs: 0 });
  modem.clock = Date.now();
  const path = join(dir, name);
  modems.push({ modem, plugged: await plug(modem, path) });
  return path;
}

/** The row with addresses of stand-ins. */
async function atStandIns(row: Row, name: string): Promise<Row> {
  switch (row.bearer) {
    case 'http': {
      const { pathname, search } = new URL((row.url as string | undefined) ?? 'https://preset.example');
      const url = `${http.url}${pathname === '/' ? '' : pathname}${search}`;
      const proxy = row.proxy ? { proxy: await proxyLike(row.proxy as string) } : {};
      return { ...row, url, ...proxy };
    }
    case 'smtp':
      return { ...row, host: '127.0.0.1', port: mail.port };
    case 'modem': {
      if (row.gnokii) return { ...row, gnokii: { config: join(dir, 'gnokiirc') } };
      return { ...row, device: await modemAt(name) };
    }
    case 'push':
      return {
        ...row,
        serviceAccount: join(dir, 'account.json'),
        devices: join(dir, 'devices.json'),
        endpoint: `http://127.0.0.1:${google.port}`,
      };
    default:
      return row;
  }
}

const numberOf = (i: number) => `4477009010${String(i).padStart(2, '0')}`;
const nameOf = (i: number) => `printed-${i}`;

beforeAll(async () => {
  requireDebian('gnokii-cli', '/usr/bin/gnokii');
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'scripts'), { mode: 0o755 });
  writeFileSync(join(dir, 'scripts', 'send.sh'), '#!/bin/sh\necho "$1 $(cat)" >> sent\n', { mode: 0o755 });
  chmodSync(join(dir, 'scripts', 'send.sh'), 0o755);
  writeFileSync(join(dir, 'gnokiirc'), '[global]\nmodel = fake\nconnection = serial\nport = /dev/null\n');
  http = await startHttpProvider(({ url }) => ({ body: ANSWERS.find(([path]) => path.test(url))![1] }));
  mail = await startMailGateway({ login: { user: 'account-to-login-to-smtp-server', password: 'somesecret' } });
  google = await startGoogle();
  google.writeAccount(join(dir, 'account.json'));
  const numbers = COMPLETE.map((_, i) => [numberOf(i), 'token']);
  writeFileSync(join(dir, 'devices.json'), JSON.stringify(Object.fromEntries(numbers)));
  const imported = COMPLETE.map(({ program, text }) => {
    const { rows } = importOf(program!, text!, { withSecrets: true });
    return Object.values(rows.providers)[0] as Row;
  });
  const rows = await Promise.all(imported.map((row, i) => atStandIns(row, nameOf(i))));
  rig = await startRig({
    services: [ledger, router, egressHttp, egressSmtp, egressModem, egressScript, egressPush, ingressHttp],
    waitForBind: false,
    settings: (standard) => ({
      ...standard,
      scripts: { folder: join(dir, 'scripts') },
      // Each file made its only provider the default.
      providers: Object.fromEntries(rows.map((row, i) => [nameOf(i), { ...row, default: undefined }])),
      routes: rows.map((_row, i) => ({ when: { prefix: numberOf(i) }, to: [nameOf(i)] })),
    }),
  });
}, 60_000);
afterAll(async () => {
  await rig?.stop();
  await Promise.all([http?.stop(), mail?.stop(), google?.stop(), ...modems.map(({ plugged }) => plugged.unplug())]);
  for (const proxy of proxies.values()) await proxy.stop();
  rmSync(dir, { recursive: true, force: true });
});

test.each(COMPLETE.map((example, i): [string, Printed, number] => [example.name, example, i]))(
  '%s',
  async (_name, { arrives, text }, i) => {
    const sent = text!.includes('Firebase') ? CHALLENGE : CODE;
    const { status, ids } = await rig.send({ to: `+${numberOf(i)}`, text: sent });
    expect(status).toBe(202);
    expect(await rig.final(ids[0]!, 30_000)).toMatchObject({ state: 'sent', provider: nameOf(i) });
    const said = [
      ...http.calls.map(({ method, url, headers, body }) => `${method} ${url} ${headers.authorization ?? ''} ${body}`),
      ...mail.taken.map(({ from, to, data, user }) => `MAIL ${user} ${from} ${to} ${data}`),
      ...modems.flatMap(({ modem }) => modem.taken.map(({ to, text }) => `MODEM ${to} ${text}`)),
    ];
    if (arrives) expect(said.join('\n')).toMatch(arrives(numberOf(i), CODE));
  },
  40_000,
);
