// The page on REST: its examples run as they stand, and its tables have every refusal that the doors know.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { newKey, newWebhookSecret } from '#shared/doors/keys.ts';
import { PROBLEMS, typeOf } from '../../services/ingress-http/rest/problems.ts';
import { CODES as CLICKATELL } from '../../services/ingress-http/shapes/clickatell.ts';
import { CODES as TWILIO } from '../../services/ingress-http/shapes/twilio.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../deploy/docs/rest.md'), 'utf8');
const blocks = (language: string) =>
  Array.from(page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')), ([, block]) => block!);
const KEY = newKey();
const SECRET = newWebhookSecret();
const yaml = blocks('yaml')[0]!.replace('sha256$…', KEY.digest);
const env = { PORTAL_PASSWORD: 'a password', PORTAL_WEBHOOKS: SECRET };

let rig: Rig;
beforeAll(async () => {
  const { keys, sender } = parseConfig(yaml, 'rest.md', env).clients.portal!;
  rig = await startRig({
    settings: (standard) => ({ ...standard, clients: { portal: { password: 'a password', keys, sender } } }),
  });
});
afterAll(() => rig?.stop());

test('the examples run one after another, as they stand', async () => {
  const run = promisify(execFile);
  const outputs: string[] = [];
  for (const block of blocks('sh')) {
    const environment = { PATH: process.env.PATH, HERMOD: rig.httpUrl, KEY: KEY.key };
    const script = () => run('bash', ['-euo', 'pipefail', '-c', block], { env: environment });
    // What was accepted a moment ago may not be found at once.
    const { stdout } = await until(block, script);
    outputs.push(stdout);
  }
  const [sent, several, preview, story, cancelled, shapes] = outputs;
  expect(sent).toMatch(/^\{"messages":\[\{"id":"[0-9a-f-]{36}","to":"\+447700900123","state":"accepted"/);
  expect(several).toContain('"to":"+447700900124"');
  expect(preview).toContain('"notGsm7":["–"]');
  expect(story).toContain('"client":"portal"');
  expect(cancelled).toMatch(/"state":"cancelled"/);
  expect(shapes).toMatch(/"accepted":true.*"status":"queued"/s);
});

describe('tables', () => {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  test('every type of problem, with its status', () => {
    for (const [name, { status }] of Object.entries(PROBLEMS)) {
      const row = rows.find((cells) => cells[1] === `\`${typeOf(name as keyof typeof PROBLEMS)}\``);
      expect(row?.[2], name).toBe(String(status));
    }
  });
  test("every code of the providers' shapes", () => {
    for (const reason of Object.keys(CLICKATELL) as (keyof typeof CLICKATELL)[]) {
      const [clickatell, twilio] = [CLICKATELL[reason].code, String(TWILIO[reason].code)];
      expect(
        rows.some((cells) => cells[1]!.split(', ').includes(clickatell) && cells[2]!.split(', ').includes(twilio)),
        reason,
      ).toBe(true);
    }
  });
});
