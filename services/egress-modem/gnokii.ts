// A phone behind the program gnokii: one run of `gnokii --config FILE --sendsms NUMBER` for each message, with the text on
// its standard input and success as exit code 0, as LinOTP's DeviceSMSProvider calls it. gnokii splits long texts and
// chooses the alphabet itself; there are no receipts.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer } from '#shared/egress/bearer.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import { exchangeLink } from '#shared/egress/exchange.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import type { Context } from '#shared/service.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type Outgoing, prepare } from './hand-over.ts';

const REFUSED_BY_GNOKII = 'gnokii sends texts only: this one has a header or octets of its own';

export function gnokiiBearer(name: string, provider: ProviderOf<'modem'>, { dir }: Context): Bearer<Outgoing> {
  const { smsc, submitTimeout } = provider;
  const { config, program } = provider.gnokii!;
  const file = resolve(dir, config);
  /** Makes the ids of one process different: gnokii's own reference is not unique. */
  let count = 0;

  const send = async ({ message, segments }: Outgoing, signal: AbortSignal, show?: Show): Promise<Outcome> => {
    if (message.udh !== undefined || message.encoding === 'binary')
      return { kind: 'refused', reason: REFUSED_BY_GNOKII, scope: 'provider' };
    const args = ['--config', file, '--sendsms', segments[0]!.to];
    if (smsc !== undefined) args.push('--smsc', smsc);
    if (message.messageClass !== undefined) args.push('--class', String(message.messageClass));
    const stop = AbortSignal.any([signal, AbortSignal.timeout(submitTimeout * segments.length)]);
    show?.('hermod', `argv: ${JSON.stringify([program, ...args])}`, 'stdin:', ...message.text.split('\n'));
    const outcome = await run(program, args, message, stop);
    show?.('provider', outcome === 'sent' ? 'exit code 0' : 'reason' in outcome ? outcome.reason : outcome.kind);
    if (outcome !== 'sent') return outcome;
    const providerId = `gnokii-${Date.now().toString(36)}-${++count}`;
    return { kind: 'done', parts: segments.map((_, i) => ({ providerId: `${providerId}-${i + 1}`, receipt: false })) };
  };

  return {
    prepare,
    begun: () => false,
    async open(ended) {
      await access(file, constants.R_OK).catch(() => {
        throw new Error(`${name}: the gnokiirc ${file} cannot be read: write it, or set gnokii.config`);
      });
      await isThere(program);
      return exchangeLink(send, ended);
    },
  };
}

/** Its standard error may repeat number and text, so only the exit code is told. */
function run(program: string, args: string[], { text }: Sms, signal: AbortSignal): Promise<'sent' | Outcome> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: 'C.UTF-8' },
    });
    let stopped = false;
    signal.addEventListener('abort', () => {
      stopped = true;
      child.kill('SIGKILL');
    });
    child.on('error', (error) => done({ kind: 'unavailable', reason: missing(program, error) }));
    child.on('exit', (code) => {
      if (code === 0) done('sent');
      else if (stopped) done({ kind: 'unknown', reason: 'gnokii did not end in time' });
      else done({ kind: 'retry', reason: `gnokii ended with exit code ${code}` });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(text);
  });
}

/** Whether the program can be run: its version costs nothing and needs no phone. */
function isThere(program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['--version'], { stdio: 'ignore' });
    child.on('error', (error) => reject(new Error(missing(program, error))));
    child.on('exit', () => resolve());
  });
}

const missing = (program: string, error: unknown) =>
  (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? `there is no program ${program}: install gnokii-cli, or set gnokii.program`
    : reasonOf(error);
