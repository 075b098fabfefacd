// Who can reach what: every listener is on loopback unless the configuration says otherwise, the sandbox always.

import { globSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { startSandbox } from '../../../services/sandbox/main.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Loopback too, but not the address that a listener on 127.0.0.1 has: what answers here would answer the network. */
const ELSEWHERE = '127.0.0.2';

const answers = (host: string, port: number) =>
  new Promise<boolean>((done) => {
    const socket = createConnection({ host, port }, () => done(true));
    socket.on('connect', () => socket.destroy());
    socket.on('error', () => done(false));
  });

test('every listener is on loopback unless its host says otherwise', () => {
  const dlr = '{ url: "https://sms.example.net/" }';
  const kannelAdmin = '{ password: a-long-password }';
  const listen = `{ smtp: {}, smtps: { tls: { cert: c, key: k } }, smpp: {}, dlr: ${dlr}, console: {}, kannelAdmin: ${kannelAdmin} }`;
  const rule = '[{ name: r, client: c, networks: [127.0.0.1], when: { to: x }, number: "{to}", text: "{body}" }]';
  const yaml = `listen: ${listen}\nclients: { c: { password: x, sender: "1" } }\nmail: { rules: ${rule.replace('{to}', '447700900123').replace('{body}', 'x')} }\n`;
  const listeners = Object.entries(parseConfig(yaml, 'g.yaml', {}).listen);
  expect(listeners.map(([name]) => name).sort()).toEqual(
    ['admin', 'console', 'dlr', 'http', 'kannelAdmin', 'smpp', 'smtp', 'smtps'].sort(),
  );
  for (const [name, listener] of listeners) expect((listener as { host: string }).host, name).toBe('127.0.0.1');
});

test('the sandbox is for this machine: no other address reaches its SMSC or its page', async () => {
  const sandbox = await startSandbox({ smppPort: 0, httpPort: 0 });
  try {
    for (const port of [sandbox.smppPort, sandbox.httpPort]) {
      expect(await answers('127.0.0.1', port)).toBe(true);
      expect(await answers(ELSEWHERE, port)).toBe(false);
    }
  } finally {
    await sandbox.stop();
  }
});

test('no page of the console makes HTML, code or styles out of a text', () => {
  const files = globSync('services/console/public/**/*.{js,html}', { cwd: ROOT });
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) {
    const source = readFileSync(join(ROOT, file), 'utf8');
    expect(source, file).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new Function|srcdoc|javascript:/,
    );
  }
});

test('what is installed belongs to its owner: no file of the project can be written by everyone', () => {
  for (const file of globSync('{shared,services,deploy}/**/*.ts', { cwd: ROOT }))
    expect(statSync(join(ROOT, file)).mode & 0o002, file).toBe(0);
});
