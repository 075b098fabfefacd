// What the pages tell people to copy is checked: configuration by the configuration's own check, the shipped rule by the
// guide's mail, settings and files by their names. Their requests are sent in test/flows/docs.test.ts.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readMail } from '../../../services/ingress-smtp/read-mail.ts';
import { judge } from '../../../services/ingress-smtp/rules.ts';
import { configOf, GUIDE_MAIL, GUIDE_TEXT } from './guide.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(resolve(ROOT, file), 'utf8');
const yamlIn = (page: string) => Array.from(read(page).matchAll(/```yaml\n(.*?)```/gs), ([, block]) => block!);
/** Secrets come from the environment in an example: here each is a word. */
const filled = (yaml: string) => yaml.replaceAll(/\$\{\w+\}/g, 'word');
const example = read('deploy/config/ise-by-mail.yaml');
const ISE = 'deploy/docs/ise-by-mail.md';
const VISULOX = 'deploy/docs/visulox.md';
const LINOTP = 'deploy/docs/linotp.md';

describe(ISE, () => {
  const [shown, second, tls, news] = yamlIn(ISE) as [string, string, string, string];

  test('shows the shipped example as it is', () => expect(shown).toBe(example));

  test("whose rule makes the guide's SMS of the guide's mail", async () => {
    const [rule] = configOf(filled(example)).mail.rules;
    const envelope = { from: 'sponsor@test-cisco.com', recipients: ['sms@test-cisco.com'] };
    const verdict = judge(rule!, envelope, await readMail(Buffer.from(GUIDE_MAIL)), () => undefined);
    expect(verdict).toMatchObject({
      takes: true,
      parts: [{ text: GUIDE_TEXT, recipients: [{ e164: '48501234567' }] }],
    });
  });

  test('and a rule for a mail gateway, which takes number and text as they come', async () => {
    const { rules } = configOf(filled(example.replace('\nproviders:', () => `${second}\nproviders:`))).mail;
    const envelope = { from: 'ise@x', recipients: ['49170-1234567@sms.example.com'] };
    const verdict = judge(rules[1]!, envelope, { subject: '', text: '\nHello\nguest\n\n' }, () => 'DE');
    expect(verdict).toMatchObject({ parts: [{ text: 'Hello\nguest', recipients: [{ e164: '491701234567' }] }] });
  });

  test('and a door with TLS and login', () => {
    expect(configOf(tls).listen.smtp).toMatchObject({ requireTls: true, auth: 'tls' });
  });

  test('and news by mail', () => {
    const { callbacks, clients } = configOf(filled(news));
    expect([callbacks.mail?.security, clients.ise?.mail?.status]).toEqual(['starttls', 'failures']);
  });
});

test(`${LINOTP} shows routes that tell realms apart`, () => {
  const [config, routes] = yamlIn(LINOTP) as [string, string];
  const providers =
    'providers: { sms4: { bearer: smpp, host: a, systemId: b }, backup: { bearer: smpp, host: a, systemId: b } }';
  const [first] = configOf(`${filled(config)}\n${routes}\n${providers}`).routes;
  expect(first).toMatchObject({ when: { realm: 'sales' }, to: ['sms4', 'backup'] });
});

test(`${VISULOX} shows a client that the configuration takes`, () => {
  const { clients } = configOf(filled(yamlIn(VISULOX)[0]!));
  expect(clients.visulox).toMatchObject({ validity: 300_000, maxSegments: 2, callbacks: { allow: ['10.1.3.10'] } });
});

test.each([ISE, VISULOX])('%s names files and settings that exist', (page) => {
  const text = read(page);
  for (const [file] of text.matchAll(/deploy\/[\w/.-]+\w/g)) expect(existsSync(resolve(ROOT, file)), file).toBe(true);
  const script = read(`deploy/integrations/${page === ISE ? 'ise-mailfilter' : 'visulox-sms'}`);
  for (const [, setting] of text.matchAll(/^ {4}([A-Z_]+)=/gm)) expect(script).toContain(setting);
});
