// The pages on integrations, done: each configuration is one gateway's, and each request that a page shows is sent to it,
// with only host, port, password and number put in.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { Esme } from '../peers/esme.ts';
import { linotpCalls, linotpPosts, privacyideaCalls } from '../peers/otp-servers.ts';
import { linotpSends, privacyideaSends } from '../peers/smtplib.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { freePort } from '../rig/port.ts';
import type { Settings } from '../rig/rig.ts';

const read = (page: string) => readFileSync(resolve(import.meta.dirname, '../../deploy/docs', page), 'utf8');
const PAGES = ['ise-by-http.md', 'linotp.md', 'privacyidea.md', 'scripts.md'];
const [ISE, LINOTP, PRIVACYIDEA, SCRIPTS] = PAGES.map(read) as [string, string, string, string];
const blocks = (text: string, language: string) =>
  Array.from(text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')), ([, block]) => block!);
/** The rows of the page's tables, below a heading. */
function rows(page: string, heading: string): Record<string, string> {
  const section = page.split(/^#+ /m).find((one) => one.startsWith(heading));
  const cells = Array.from(section!.matchAll(/^\| (.*?) \| ?(.*?) ?\|$/gm), ([, name, value]) => [name, value]);
  const bare = (cell: string | undefined) => cell!.replaceAll('`', '');
  return Object.fromEntries(cells.map(([name, value]) => [bare(name), filled(bare(value))]));
}

const PASSWORD = 'pa55word';
let rig: MailRig;
let smpp: number;
const filled = (text: string) =>
  text
    .replaceAll('hermod.example.com:13013', rig.httpUrl.slice('http://'.length))
    .replaceAll('hermod.example.com:2525', `127.0.0.1:${rig.port}`)
    .replaceAll('hermod.example.com', '127.0.0.1')
    .replaceAll(/\bPASSWORD\b(?!":)(?=["&:\\\s]|$)/g, PASSWORD);

beforeAll(async () => {
  smpp = await freePort();
  const shown = PAGES.map((page) => parse(blocks(read(page), 'yaml')[0]!.replaceAll(/\$\{\w+\}/g, PASSWORD)));
  const clients = shown.flatMap((one) => Object.entries<Settings>(one.clients));
  const here = ['127.0.0.1'];
  rig = await startMailRig(
    {},
    (settings) => ({
      ...settings,
      listen: { ...(settings.listen as object), smpp: { port: smpp } },
      clients: {
        ...settings.clients,
        ...Object.fromEntries(
          clients.map(([name, client]) => {
            const mail = client.mail ? { mail: { ...(client.mail as object), networks: here } } : {};
            return [name, { ...client, ...mail, networks: here }];
          }),
        ),
      },
      mail: { rules: shown.flatMap((one) => one.mail?.rules ?? []).map((rule) => ({ ...rule, networks: here })) },
    }),
    {},
    [ingressSmpp],
  );
}, 120_000);
afterAll(() => rig?.stop());
beforeEach(() => rig.fresh());

/** Sender, recipient and text of what arrived. */
const arrived = async () =>
  (await rig.passed()).map(({ source, dest, shortMessage }) => [
    source.addr,
    dest.addr,
    shortMessage.toString('latin1'),
  ]);

describe('ise-by-http.md', () => {
  /** As ISE fills a gateway in and calls it. */
  async function ise(heading: string, message: string): Promise<number> {
    const row = rows(ISE, heading);
    const put = (text = '') =>
      text
        .replaceAll('$mobilenumber$', encodeURIComponent('+491701234567'))
        .replaceAll('$message$', encodeURIComponent(message));
    const user = row['HTTPS Username'];
    const post = row['Use HTTP POST method for data portion'] === 'on';
    const data = row['Data (Url encoded portion)'];
    const { status } = await fetch(put(row.URL), {
      ...(post ? { method: 'POST', body: data === '$message$' ? message : put(data) } : {}),
      headers: {
        ...(post ? { 'content-type': 'plain/text' } : {}),
        ...(user ? { authorization: `Basic ${btoa(`${user}:${filled(row['HTTPS Password']!)}`)}` } : {}),
      },
    });
    return status;
  }

  test.each([
    ['GET', 202],
    ['POST, with', 202],
    ['The Clickatell', 202],
    ['The Twilio', 201],
  ])('%s', async (heading, status) => {
    expect(await ise(heading, `Username: guest1 & Password: ${heading}`)).toBe(status);
    expect(await arrived()).toEqual([['12345', '491701234567', `Username: guest1 & Password: ${heading}`]]);
  });
});

describe('linotp.md', () => {
  const definitions = () => blocks(LINOTP, 'json').map((block) => JSON.parse(filled(block)));

  test('HTTP, alone and with a realm', async () => {
    const [plain, realm] = definitions();
    expect(await linotpCalls(plain, { phone: '+491701234501', otp: 'Grüße 123456' })).toBe(true);
    expect(await linotpCalls(realm, { phone: '+491701234502', otp: '123456' })).toBe(true);
    expect(await linotpCalls({ ...plain, HTTP_Method: 'GET' }, { phone: 'unknown', otp: '1' })).toBe(false);
    expect((await arrived()).map(([sender, to]) => [sender, to])).toEqual([
      ['ACME', '491701234501'],
      ['ACME', '491701234502'],
    ]);
  });

  test('REST', async () => {
    const rest = definitions()[2];
    expect(await linotpPosts(rest, { phone: '+491701234505', otp: 'Grüße "123456"' })).toBe(true);
    expect(await linotpPosts({ ...rest, PASSWORD: 'x' }, { phone: '+491701234506', otp: '1' })).toBe(false);
    expect(await arrived()).toMatchObject([['ACME', '491701234505', expect.stringMatching(/"123456"$/)]]);
  });

  test('mail: in the recipient, as subject, and for a realm', async () => {
    const [, , , recipient, subject] = definitions().map((one) => ({ ...one, mailserver_port: rig.port }));
    const sent = { sent: true };
    expect(await linotpSends(recipient, { phone: '+491701234511', otp: '123456' })).toEqual(sent);
    expect(await linotpSends(subject, { phone: '+491701234512', otp: '123456' })).toEqual(sent);
    const mailto = /"mailto": "(<phone>@sales[^"]+)"/.exec(LINOTP)![1]!;
    expect(await linotpSends({ ...recipient, mailto }, { phone: '+491701234513', otp: '123456' })).toEqual(sent);
    expect(await arrived()).toEqual([
      ['ACME', '491701234511', '123456'],
      ['ACME', '491701234512', 'Your password: 123456'],
      ['ACME', '491701234513', '123456'],
    ]);
  });

  test('SMPP', async () => {
    const definition = definitions().at(-1);
    expect(definition.port).toBe(2875);
    const esme = await Esme.connect(smpp);
    const who = { systemId: definition.system_id, password: definition.password };
    expect(await esme.bind('bind_transceiver', who)).toMatchObject({ status: 0 });
    const { source_addr_ton: ton, source_addr_npi: npi, source_addr: addr } = definition;
    const dest = { ton: definition.dest_addr_ton, npi: definition.dest_addr_npi, addr: '+491701234521' };
    const submitted = esme.submit({
      source: { ton, npi, addr },
      dest,
      coding: 3,
      message: Buffer.from('f\xfcnf', 'latin1'),
    });
    expect(await esme.answerTo(submitted)).toMatchObject({ status: 0 });
    esme.close();
    expect((await arrived())[0]!.slice(0, 2)).toEqual(['ACME', '491701234521']);
  });
});

describe('privacyidea.md', () => {
  test('HTTP', async () => {
    const { 'parameter or option': _head, '---': _line, ...gateway } = rows(PRIVACYIDEA, '2. privacyIDEA by HTTP');
    expect(gateway).toMatchObject({ HTTP_METHOD: 'POST', USERNAME: 'privacyidea', PASSWORD });
    expect(await privacyideaCalls(gateway, { phone: '+491701234531', otp: '012345' })).toBe(true);
    expect(await privacyideaCalls({ ...gateway, PASSWORD: 'x' }, { phone: '+491701234532', otp: '1' })).toBe(false);
    expect(await arrived()).toEqual([['ACME', '491701234531', 'Your code: 012345']]);
  });

  test('mail', async () => {
    const { Sender: sender, MAILTO } = rows(PRIVACYIDEA, '3. privacyIDEA by mail');
    const gateway = { server: '127.0.0.1', port: rig.port, sender: sender!, MAILTO: MAILTO! };
    expect(await privacyideaSends(gateway, { phone: '+491701234541', otp: '123456' })).toEqual({ sent: true });
    expect(await arrived()).toEqual([['ACME', '491701234541', '123456']]);
  });

  test('SMPP, hanging up without reading the answer', async () => {
    const row = rows(PRIVACYIDEA, '4. privacyIDEA by SMPP');
    const esme = await Esme.connect(smpp);
    await esme.bind('bind_transmitter', { systemId: row.SYSTEM_ID!, password: row.PASSWORD! });
    const source = { ton: Number(row.S_ADDR_TON), npi: Number(row.S_ADDR_NPI), addr: row.S_ADDR! };
    const dest = { ton: Number(row.D_ADDR_TON), npi: Number(row.D_ADDR_NPI), addr: '491701234551' };
    esme.submit({ source, dest, message: Buffer.from('123456') });
    esme.socket.end();
    await esme.ended();
    expect(await arrived()).toEqual([['ACME', '491701234551', '123456']]);
  });
});

describe('scripts.md', () => {
  const shell = (script: string) =>
    new Promise<{ exit: number; output: string }>((done) => {
      execFile('/bin/sh', ['-c', script], { timeout: 20_000 }, (error, stdout, stderr) =>
        done({ exit: error ? Number(error.code ?? -1) : 0, output: stdout + stderr }),
      );
    });

  test.each([
    ['wget', 0, 'Disk full on db1'],
    ['curl', 1, 'Disk full on db1: 98 % of /var'],
    ['mail', 2, 'Disk full on db1'],
  ])('%s', async (_what, i, text) => {
    const { exit, output } = await shell(filled(blocks(SCRIPTS, 'sh')[i]!));
    expect({ exit, output }).toEqual({ exit: 0, output: expect.anything() });
    expect(await arrived()).toEqual([['Monitoring', '491701234567', text]]);
  });

  test('a refusal ends curl with 22, and says why', async () => {
    const { exit, output } = await shell(filled(blocks(SCRIPTS, 'sh')[1]!).replace('+491701234567', 'bob'));
    expect([exit, output]).toEqual([22, expect.stringMatching(/denied/)]);
  });
});
