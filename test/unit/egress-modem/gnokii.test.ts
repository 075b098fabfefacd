// gnokii as LinOTP calls it: its arguments, its standard input, its exit code. The real one is in test/flows.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { modemProvider } from '#shared/config/bearers/modem.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import type { Context } from '#shared/service.ts';
import { gnokiiBearer } from '../../../services/egress-modem/gnokii.ts';
import { sms } from './rig.ts';

const dir = mkdtempSync(join(tmpdir(), 'hermod-gnokii-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
writeFileSync(join(dir, 'gnokiirc'), '[global]\nmodel = AT\n');

function bearer(script: string, more: object = {}) {
  const program = join(dir, `gnokii-${Math.random().toString(36).slice(2)}`);
  writeFileSync(program, `#!/bin/sh\n[ "$1" = --version ] && exit 0\n${script}\n`);
  chmodSync(program, 0o755);
  const row = { bearer: 'modem', gnokii: { config: 'gnokiirc', program }, submitTimeout: '10s', ...more };
  return gnokiiBearer('phone', modemProvider.parse(row), { dir } as Context);
}

async function send(script: string, message: Partial<Sms> = {}, more: object = {}): Promise<Outcome> {
  const made = bearer(script, more);
  const link = await made.open(() => {});
  const outcome = await new Promise<Outcome>((done) => link.submit(made.prepare(sms(message)), done));
  await link.close(0);
  return outcome;
}

test('number, service centre and text; exit code 0 is success', async () => {
  const script = `echo "$@" > ${dir}/args; cat > ${dir}/text`;
  const outcome = await send(script, { text: 'Grüße, 100 €' }, { smsc: '+491710760000' });
  expect(outcome).toMatchObject({ kind: 'done', parts: [{ receipt: false }] });
  expect(readFileSync(`${dir}/args`, 'utf8').trim()).toBe(
    `--config ${dir}/gnokiirc --sendsms +491701234567 --smsc +491710760000`,
  );
  expect(readFileSync(`${dir}/text`, 'utf8')).toBe('Grüße, 100 €');
});

test('another exit code is tried again, and says nothing of what it printed', async () => {
  expect(await send('cat >&2; exit 1')).toEqual({ kind: 'retry', reason: 'gnokii ended with exit code 1' });
});

test('one that does not end may have sent it', async () => {
  expect(await send('exec sleep 60', {}, { submitTimeout: '300ms' })).toMatchObject({ kind: 'unknown' });
});

test('octets of its own are for another provider', async () => {
  expect(await send('exit 0', { encoding: 'binary', text: '\x01' })).toMatchObject({
    kind: 'refused',
    scope: 'provider',
  });
});

test('a program or a gnokiirc that is missing is said before anything is sent', async () => {
  const missing = (gnokii: object) => bearer('', { gnokii }).open(() => {});
  await expect(missing({ config: 'gnokiirc', program: 'no-such-gnokii' })).rejects.toThrow('install gnokii-cli');
  await expect(missing({ config: 'nowhere' })).rejects.toThrow('cannot be read: write it, or set gnokii.config');
});
