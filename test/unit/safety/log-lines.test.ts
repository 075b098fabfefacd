// Logs are a line of JSON for each event: no value from outside ends a line, begins another, or speaks for the program.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { reasonOf } from '#shared/telemetry/log.ts';

const SHARED = resolve(import.meta.dirname, '../../../shared/telemetry');
const FORGED = '\n{"level":"error","service":"ledger","msg":"forged"}\r\n\u2028\u0000\x1b[2J"}';

test('the access log and the service log', () => {
  const code = `
    import { logAccess } from ${JSON.stringify(`${SHARED}/access.ts`)};
    import { openLog } from ${JSON.stringify(`${SHARED}/log.ts`)};
    const evil = ${JSON.stringify(FORGED)};
    logAccess({ event: 'refused', client: evil, reason: evil, address: evil });
    openLog('router').warn({ reason: evil, [evil]: evil }, evil);`;
  const env = { ...process.env, HERMOD_LOG_LEVEL: 'info', HERMOD_ACCESS_LOG: '-' };
  const args = ['--input-type=module', '--eval', code];
  const { stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(2);
  const events = lines.map((line) => JSON.parse(line)).sort((a, b) => (a.event ? -1 : b.event ? 1 : 0));
  expect(events[0]).toMatchObject({ event: 'refused', client: FORGED, address: FORGED });
  expect(events[1]).toMatchObject({ service: 'router', level: 'warn', reason: FORGED });
  expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
});

test('an error of another program is one line, cut and without its stack', () => {
  const error = new Error(`first\n    at somewhere (/etc/secret.ts:1)\n${'x'.repeat(1_000)}`);
  expect(reasonOf(error)).toMatch(/^first at somewhere/);
  expect(reasonOf(error)).toHaveLength(300);
  expect(reasonOf(error)).not.toContain('\n');
});
