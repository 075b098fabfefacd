// The page on adding a provider: its example is put into a copy of the providers' folder with its one line, as a newcomer
// would, and then serves a message and a callback; the rows of both pages are right.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { PRESETS } from '#shared/providers/list.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const page = (name: string) => readFileSync(join(ROOT, 'deploy/docs', name), 'utf8');
const blocks = (name: string, language: string) =>
  [...page(name).matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map((match) => match[1]!);
const ENV = {
  EXAMPLE_KEY: 'the-key',
  EXAMPLE_TOKEN: 'a-token-0123456789',
  TWILIO_SID: 'AC1',
  TWILIO_TOKEN: 't',
  ACME_PASSWORD: 'p',
  PROXY_PASSWORD: 'x',
};

test('the rows of the page on HTTP providers are right, and it names every preset', () => {
  for (const yaml of blocks('http-providers.md', 'yaml'))
    expect(Object.keys(parseConfig(yaml, 'page', ENV).providers)).toHaveLength(2);
  for (const { name } of PRESETS) expect(page('http-providers.md')).toContain(`\`${name}\``);
});

describe('one file and one line', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-newcomer-'));
  beforeAll(() => {
    for (const part of ['shared', 'services/egress-http'])
      cpSync(join(ROOT, part), join(dir, part), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    const [code] = blocks('add-a-provider.md', 'ts');
    writeFileSync(join(dir, 'shared/providers/example.ts'), code!);
    const list = readFileSync(join(dir, 'shared/providers/list.ts'), 'utf8');
    const line = list.replace(/(= \[\n)/, '$1  example,\n');
    writeFileSync(join(dir, 'shared/providers/list.ts'), `import { example } from './example.ts';\n${line}`);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  /** Runs a program in the copy, and gives the JSON that it prints. */
  function run(program: string): unknown {
    mkdirSync(join(dir, 'run'), { recursive: true });
    const file = join(dir, 'run', 'program.ts');
    writeFileSync(file, program);
    const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
      cwd: dir,
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect(stderr, stderr).toBe('');
    expect(status).toBe(0);
    return JSON.parse(stdout);
  }

  test('the example sends, and reads its receipt', () => {
    const [yaml] = blocks('add-a-provider.md', 'yaml');
    const said = run(`
import { httpBearer } from '../services/egress-http/bearer.ts';
import { parseConfig } from '../shared/config/load.ts';
import { apiOf } from '../shared/providers/api.ts';
const config = parseConfig(${JSON.stringify(yaml)}, 'page', ${JSON.stringify(ENV)});
const row = config.providers['example-main'];
const prepared = httpBearer('example-main', row, { config, dir: '.' }).prepare({
  id: 'x', to: '491701234567', given: '+491701234567', from: 'Acme', text: 'Hello', segments: 1, dlrMask: 3,
});
const json = { id: 'e-1', status: 'delivered', to: '+491701234567' };
const api = apiOf(row);
console.log(JSON.stringify([
  prepared.request,
  api.answer({ status: 202, headers: {}, body: '{"id":"e-1"}' }, prepared.message),
  api.answer({ status: 400, headers: {}, body: '{"error":"bad_number"}' }, prepared.message),
  api.receipts({ json }),
]));
`);
    const body = {
      to: '+491701234567',
      from: 'Acme',
      text: 'Hello',
      report_to: 'https://sms.example.org/dlr/example-main/a-token-0123456789',
    };
    expect(said).toEqual([
      {
        method: 'POST',
        url: 'https://api.example.com/v1/messages',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-api-key': 'the-key' },
        body: JSON.stringify(body),
      },
      { kind: 'done', parts: [{ providerId: 'e-1', receipt: true }] },
      { kind: 'refused', scope: 'message', reason: 'bad_number' },
      [{ providerId: 'e-1', stat: 'delivered', to: '+491701234567' }],
    ]);
  });
});
