// Moving in: configurations of Kannel and LinOTP as they are printed, through `hermod import` and `hermod check`, send through
// stand-ins of their providers; and the page on moving in, whose commands run as they stand.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { egressHttp } from '../../services/egress-http/main.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type HttpProvider, startHttpProvider } from '../peers/http-provider.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { KANNEL } from '../unit/import/printed.ts';

const HERMOD = resolve(import.meta.dirname, '../../deploy/cli/hermod.ts');
const SMPP = (port: number) => `{ "server":"127.0.0.1", "port":"${port}", "system_id":"login-name", "system_type":"",
  "password":"hunter22", "source_addr":"Acme", "source_addr_npi":"0", "source_addr_ton":"5",
}`;
const HTTP = (url: string) => `{"URL":"${url}/sms_send_api.cgi",
 "PARAMETER": { "from":"0170111111", "password":"yoursecret", "sender":"name", "account":"company_ltd" },
 "SMS_TEXT_KEY":"text", "SMS_PHONENUMBER_KEY":"destination", "HTTP_Method":"GET", "RETURN_SUCCESS":"ID"
}`;

type Rows = { clients: object; providers: Record<string, object>; routes: object[] };

let dir: string;
let provider: HttpProvider;
let rig: Rig;

const hermod = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [HERMOD, ...args], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  });

/** Imports the text as a person would, checks the rows, and takes the secrets into this process's environment. */
function moveIn(program: string, name: string, text: string): Rows {
  writeFileSync(join(dir, name), text);
  const { status, stdout, stderr } = hermod(['import', program, name, '--env', `${name}.env`]);
  expect(status, stderr).toBe(0);
  expect(statSync(join(dir, `${name}.env`)).mode & 0o777).toBe(0o600);
  writeFileSync(join(dir, `${name}.yaml`), stdout);
  const env = parseEnv(readFileSync(join(dir, `${name}.env`), 'utf8'));
  for (const secret of Object.values(env)) expect(stdout + stderr).not.toContain(secret);
  const check = hermod(['check', `${name}.yaml`], env);
  expect(check.stdout, check.stderr).toContain('fine');
  Object.assign(process.env, env);
  return parse(stdout) as Rows;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-import-'));
  provider = await startHttpProvider({ body: 'ID 4711' });
  rig = await startRig({
    services: [ledger, router, egressSmpp, egressHttp, ingressHttp],
    smsc: { keep: 100 },
    settings: (standard) => {
      const { port } = standard.providers.sandbox as { port: number };
      const kannel = moveIn('kannel', 'kannel.conf', printed(port));
      const http = moveIn('linotp', 'generic.json', HTTP(provider.url));
      const smpp = moveIn('linotp', 'otp.json', SMPP(port));
      const ofLinotp = Object.entries({ ...http.providers, ...smpp.providers });
      return {
        ...standard,
        clients: kannel.clients,
        // Each file made its only provider the default.
        providers: {
          ...kannel.providers,
          ...Object.fromEntries(ofLinotp.map(([name, row]) => [name, { ...row, default: undefined }])),
        },
        routes: [
          { when: { prefix: '4478' }, to: ['generic'] },
          { when: { prefix: '4479' }, to: ['otp'] },
          ...kannel.routes,
        ],
      };
    },
  });
  await until('both accounts are bound', () => rig.smsc.binds().now >= 2);
});
afterAll(async () => {
  await rig?.stop();
  await provider?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The printed kannel.conf, with what it hides, for this machine. */
const printed = (port: number) =>
  KANNEL.replace('****.com', '127.0.0.1')
    .replace('******', 'a-secret')
    .replace('port = 1775', `port = ${port}`)
    .replace('192.168.*.*', '127.0.0.*');

const send = async (to: string) => {
  const { status, ids } = await rig.send({ to: `+${to}`, text: 'code 4711' });
  expect(status).toBe(202);
  const message = await until(`${to} is handed over`, async () => {
    const found = rig.smsc.received.find(({ dest }) => dest.addr.includes(to));
    return found ?? provider.calls.find(({ url }) => url.includes(to));
  });
  return { id: ids[0]!, message };
};

describe('what is imported sends', () => {
  test("Kannel's SMS centre, for Kannel's user", async () => {
    const { id, message } = await send('447700900123');
    expect(message).toMatchObject({
      source: { addr: '12345' },
      account: '4ljt7wi3',
      registeredDelivery: 0,
      esmClass: 3,
    });
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'smpp' });
  });

  test("LinOTP's HTTP provider", async () => {
    const { id, message } = await send('447800900123');
    expect(message).toMatchObject({
      method: 'GET',
      url: '/sms_send_api.cgi?destination=%2B447800900123&text=code+4711&from=0170111111&password=yoursecret&sender=name&account=company_ltd',
    });
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'generic' });
  });

  test("LinOTP's SMPP provider, in ISO-8859-1 under its own sender", async () => {
    const { id, message } = await send('447900900123');
    expect(message).toMatchObject({
      account: 'login-name',
      dataCoding: 3,
      esmClass: 0,
      source: { ton: 5, npi: 0, addr: 'Acme' },
      dest: { ton: 1, npi: 1, addr: '+447900900123' },
    });
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'otp' });
  });
});

describe('the command', () => {
  test('writes over no file, and nothing at all when the source is wrong', () => {
    writeFileSync(join(dir, 'wrong.json'), '{"URL": "https://x.example/",\n "PARAMETER": {"password": hunter22}}');
    const wrong = hermod(['import', 'linotp', 'wrong.json', '--env', 'wrong.env']);
    expect(wrong).toMatchObject({ status: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/^hermod: wrong\.json:2: [^\n]+\n$/);
    expect(wrong.stderr).not.toContain('hunter22');
    expect(existsSync(join(dir, 'wrong.env'))).toBe(false);
    const again = hermod(['import', 'kannel', 'kannel.conf', '--env', 'kannel.conf.env']);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toBe('hermod: kannel.conf.env: is there already: name another with --env\n');
  });

  test('secrets with quotes come back out of the file, by a shell too', () => {
    const secrets = ["it's", 'a "b" c', 'it\'s $HOME `id` \\ "x"', '# x', 'ä ö'];
    const named = Object.fromEntries(secrets.map((secret, i) => [`password${i}`, secret]));
    writeFileSync(
      join(dir, 'q.json'),
      JSON.stringify({ URL: 'http://x.example/', PARAMETER: named, RETURN_SUCCESS: 'ok' }),
    );
    expect(hermod(['import', 'linotp', 'q.json', '--env', 'q.env']).status).toBe(0);
    const script = `set -a; . ./q.env; printf '%s\\n' ${secrets.map((_, i) => `"$Q_PASSWORD${i}"`).join(' ')}`;
    expect(spawnSync('sh', ['-c', script], { cwd: dir, encoding: 'utf8' }).stdout).toBe(`${secrets.join('\n')}\n`);
  });
});

describe('deploy/docs/moving-in.md', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../deploy/docs/moving-in.md'), 'utf8');
  const blocks = (language: string) =>
    Array.from(page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')), ([, block]) => block!);
  const files = {
    'policies.cfg': '[guests]\nscope = authentication\naction = sms_provider=clickatell\nrealm = guests\n',
    'privacyidea.json': JSON.stringify({
      twilio: {
        providermodule: 'privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider',
        options: {
          URL: 'https://api.twilio.com/2010-04-01/Accounts/AC1/Messages',
          HTTP_METHOD: 'POST',
          To: '{phone}',
          Body: '{otp}',
        },
      },
    }),
  };

  test('its commands run one after another, as they stand', () => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'hermod'), `#!/bin/sh\nexec '${process.execPath}' '${HERMOD}' "$@"\n`, { mode: 0o755 });
    for (const [name, text] of Object.entries({ ...files, 'providers.json': blocks('json')[0]! }))
      writeFileSync(join(dir, name), text);
    for (const block of blocks('sh')) {
      const env = { PATH: `${bin}:${process.env.PATH}` };
      const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', block], {
        cwd: dir,
        encoding: 'utf8',
        env,
      });
      expect(status, `${block}${stderr}`).toBe(0);
      expect(stdout).toMatch(/: fine: /);
    }
    const { routes } = parse(readFileSync(join(dir, 'linotp.yaml'), 'utf8')) as Rows;
    expect(routes).toEqual([{ when: { realm: ['guests'] }, to: ['clickatell'] }]);
  });

  test("what it writes into LinOTP and privacyIDEA is a request that Kannel's door takes", async () => {
    const { PARAMETER, SMS_TEXT_KEY, SMS_PHONENUMBER_KEY, RETURN_SUCCESS } = JSON.parse(blocks('json')[1]!);
    const login = { username: 'tester', password: 'foobar' };
    const ask = async (query: Record<string, string>) =>
      (await fetch(`${rig.httpUrl}/cgi-bin/sendsms?${new URLSearchParams({ ...query, ...login })}`)).text();
    const said = await ask({ ...PARAMETER, [SMS_TEXT_KEY]: 'code', [SMS_PHONENUMBER_KEY]: '+447700900124' });
    expect(said.startsWith(RETURN_SUCCESS)).toBe(true);
    const options = Object.fromEntries(
      Array.from(page.matchAll(/^\| `([a-z]+)` \| `(.*)` \|$/gm), ([, key, value]) => [key, value!]),
    );
    expect(Object.keys(options)).toEqual(['username', 'password', 'from', 'to', 'text']);
    expect(await ask({ ...options, to: '+447700900125', text: 'code' })).toContain(
      /`RETURN_SUCCESS` \| `(.*)`/.exec(page)![1],
    );
  });
});
