// The script bearer with real programs: what they are given, how they end, and what they may not do.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scriptBearer } from '../../../services/egress-script/bearer.ts';
import { findProgram } from '../../../services/egress-script/program.ts';
import { verdict } from '../../../services/egress-script/verdict.ts';
import { bearerOf, type Opened, openBearer, sms } from '../../rig/bearer.ts';
import { until } from '../../rig/until.ts';

let dir: string;
let opened: Opened | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-script-'));
  mkdirSync(join(dir, 'scripts'), { mode: 0o755 });
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  rmSync(dir, { recursive: true, force: true });
});

function program(body: string, name = 'send'): string {
  const file = join(dir, 'scripts', name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}
const bearer = (row: Record<string, unknown> = {}) =>
  bearerOf(
    scriptBearer,
    { bearer: 'script', script: 'send', ...row },
    { dir, more: { scripts: { folder: 'scripts' } } },
  );
const open = async (row: Record<string, unknown> = {}) => {
  opened = await openBearer(bearer(row));
  return opened;
};
const read = (name: string) => readFileSync(join(dir, 'scripts', name), 'utf8');

describe('what the program gets', () => {
  test('the number as its only argument, the text on stdin to the octet, the folder as its own', async () => {
    program('printf "%s|" "$#" "$1" > args; cat > text; pwd > cwd');
    const text = "Grüße '$(id)' \"; rm -rf /\n-- 🔑 `x`";
    const { handOver } = await open();
    expect(await handOver(sms({ text }))).toEqual({ kind: 'done', parts: [{ providerId: '', receipt: false }] });
    expect(read('args')).toBe('1|+447700900123|');
    expect(read('text')).toBe(text);
    expect(read('cwd').trim()).toMatch(/scripts$/);
  });

  test('an environment of its own: never the text, and nothing of ours but PATH', async () => {
    process.env.HERMOD_TEST_SECRET = 'hunter2';
    program('env | sort > environment');
    const { handOver } = await open();
    const message = sms({ from: 'Acme', lane: 'bulk' });
    await handOver(message);
    delete process.env.HERMOD_TEST_SECRET;
    const names = read('environment')
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    // PWD, and in some shells OLDPWD and _, are set by the shell itself.
    expect(names.filter((name) => !['PWD', 'OLDPWD', '_', 'SHLVL'].includes(name!))).toEqual([
      'HERMOD_EXPIRES',
      'HERMOD_ID',
      'HERMOD_LANE',
      'HERMOD_SENDER',
      'PATH',
    ]);
    expect(read('environment')).toContain(`HERMOD_ID=${message.id}\n`);
    expect(read('environment')).toContain('HERMOD_SENDER=Acme\n');
    expect(read('environment')).toContain(`HERMOD_EXPIRES=${Math.floor(message.expiry / 1_000)}\n`);
    expect(read('environment')).not.toContain('482913');
  });

  test("privacyIDEA's row: the number rewritten by its REGEXP", async () => {
    program('printf %s "$1" > number');
    const { handOver } = await open({ number: { replace: '/^\\+/00/' } });
    await handOver(sms());
    expect(read('number')).toBe('00447700900123');
  });

  test('a number that the row turns into an option is refused', () => {
    const wrong = bearer({ number: { replace: '/^\\+/-/' } });
    expect(() => wrong.prepare(sms())).toThrow('is none');
  });

  test('any text arrives whole, and a program that reads none of it is no fault', async () => {
    program('cat > text');
    program('exit 0', 'deaf');
    const { handOver } = await open();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), async (text) => {
        await handOver(sms({ text }));
        expect(read('text')).toBe(text);
      }),
      { numRuns: 25 },
    );
    await opened!.close();
    const deaf = await open({ script: 'deaf' });
    expect(await deaf.handOver(sms({ text: 'x'.repeat(200_000) }))).toMatchObject({ kind: 'done' });
  });
});

describe('how it ends', () => {
  test.each([
    [0, { kind: 'done' }],
    [65, { kind: 'refused', scope: 'message', code: 65 }],
    [67, { kind: 'refused', scope: 'recipient', code: 67 }],
    [69, { kind: 'unavailable' }],
    [71, { kind: 'retry' }],
    [74, { kind: 'retry' }],
    [75, { kind: 'retry' }],
    [1, { kind: 'refused', scope: 'provider', code: 1 }],
    [78, { kind: 'refused', scope: 'provider', code: 78 }],
  ])('exit code %i', async (code, outcome) => {
    program(`exit ${code}`);
    const { handOver, ended } = await open();
    expect(await handOver(sms())).toMatchObject(outcome);
    if (code === 69) await until('the link is over', () => ended() !== undefined);
    else expect(ended()).toBeUndefined();
  });

  test('every exit code has a verdict', () => {
    for (let code = 0; code < 256; code++) {
      const { kind } = verdict({ code, signal: null, said: '' });
      expect(kind).toMatch(/^(done|refused|unavailable|retry)$/);
      expect(kind === 'done').toBe(code === 0);
    }
  });

  test('the first line of stderr is the reason, without the number and the words of the text', async () => {
    program('echo "no credit for $1: $(cat)" >&2; echo more >&2; exit 75');
    const { handOver } = await open();
    const outcome = await handOver(sms({ text: 'secretive 482913' }));
    expect(outcome).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('75 (EX_TEMPFAIL): no credit for'),
    });
    expect(JSON.stringify(outcome)).not.toMatch(/447700900123|secretive|482913|more/);
  });

  test('one that is ended by a signal may have sent it', async () => {
    program('kill -TERM $$');
    expect(await (await open()).handOver(sms())).toEqual({
      kind: 'unknown',
      reason: 'the script was ended by SIGTERM',
    });
  });
});

describe('limits', () => {
  const alive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  };

  test('at the time limit the whole process group is killed', async () => {
    program('sleep 60 & echo $! > child; sleep 60');
    const outcome = await (await open({ timeout: '300ms' })).handOver(sms());
    expect(outcome).toEqual({ kind: 'unknown', reason: 'the script took longer than 0.3 s and was killed' });
    const child = Number(read('child'));
    await until('its child is gone', () => !alive(child));
  });

  test('at the output limit too', async () => {
    program('yes');
    expect(await (await open({ maxOutput: '4KiB' })).handOver(sms())).toEqual({
      kind: 'unknown',
      reason: 'the script wrote more than 4096 octets and was killed',
    });
  });

  test('what a program leaves behind ends with it, and holds nothing up', async () => {
    program('sleep 60 & echo $! > child; exit 0');
    const startedAt = performance.now();
    expect(await (await open()).handOver(sms())).toMatchObject({ kind: 'done' });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const child = Number(read('child'));
    await until('its child is gone', () => !alive(child));
  });

  test('a worker that stops waits for its runs, and kills those that take too long', async () => {
    program('sleep 0.3; touch ended');
    const { link, handOver } = await open();
    const outcome = handOver(sms());
    await link.close(5_000);
    expect(await outcome).toMatchObject({ kind: 'done' });
    program('sleep 60');
    const second = await open();
    const late = second.handOver(sms());
    await second.link.close(100);
    expect(await late).toMatchObject({ kind: 'unknown' });
  });
});

describe('the folder', () => {
  test.each(['../send', '/bin/sh', 'a/b', '..', '.hidden', '-x', 'a b', ''])(
    'a row with the script %s is refused',
    (script) => {
      expect(() => bearer({ script })).toThrow(/script/);
    },
  );

  test('a script without a folder in the configuration is refused in one line', () => {
    expect(() => bearerOf(scriptBearer, { bearer: 'script', script: 'send' })).toThrow(
      /^gateway.yaml:\d+: providers.row.script: needs scripts.folder/,
    );
  });

  test('a link out of the folder is refused, one inside is not', () => {
    const outside = join(dir, 'outside');
    writeFileSync(outside, '#!/bin/sh\n');
    chmodSync(outside, 0o755);
    symlinkSync(outside, join(dir, 'scripts', 'out'));
    symlinkSync(program(''), join(dir, 'scripts', 'alias'));
    mkdirSync(join(dir, 'scripts', 'folder'));
    const find = (name: string) => findProgram(join(dir, 'scripts'), name);
    expect(() => find('out')).toThrow('outside of the folder');
    expect(() => find('../outside')).toThrow('outside of the folder');
    expect(find('alias').file).toMatch(/scripts\/send$/);
    expect(() => find('folder')).toThrow('is not a file');
    expect(() => find('none')).toThrow('cannot be found: ENOENT');
  });

  test('one that may not be run, or that anyone may write, is refused', async () => {
    const file = program('');
    chmodSync(file, 0o644);
    await expect(open()).rejects.toThrow('chmod +x');
    chmodSync(file, 0o777);
    await expect(open()).rejects.toThrow(`chmod o-w ${file}`);
    chmodSync(file, 0o755);
    chmodSync(join(dir, 'scripts'), 0o777);
    await expect(open()).rejects.toThrow('may be written by any user');
  });

  test('a program that is taken away ends the link: the provider is away', async () => {
    const file = program('touch ran');
    const { handOver, ended } = await open();
    rmSync(file);
    expect(await handOver(sms())).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('ENOENT') });
    await until('the link is over', () => ended() !== undefined);
    expect(existsSync(join(dir, 'scripts', 'ran'))).toBe(false);
  });

  test('so does one that cannot be started', async () => {
    const file = join(dir, 'scripts', 'send');
    writeFileSync(file, '#!/nowhere/interpreter\n');
    chmodSync(file, 0o755);
    expect(await (await open()).handOver(sms())).toMatchObject({ kind: 'unavailable' });
  });
});
