// The script bearer: each hand-over is one run of the provider's program.
import { resolve } from 'node:path';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer } from '#shared/egress/bearer.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import { exchangeLink } from '#shared/egress/exchange.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import type { Context } from '#shared/service.ts';
import { rewriteNumber } from '#shared/sms/rewrite.ts';
import { quote } from '#shared/telemetry/quote.ts';
import { findProgram, type Program } from './program.ts';
import { type Job, run } from './run.ts';
import { type End, verdict } from './verdict.ts';

type Provider = ProviderOf<'script'>;

export function scriptBearer(_name: string, provider: Provider, { config, dir }: Context): Bearer<Job> {
  const folder = resolve(dir, config.scripts!.folder);
  const limits = { timeoutMs: provider.timeout, maxOutput: provider.maxOutput };

  /** The program is looked up for each run: someone may have put another one in its place. */
  async function handOver(job: Job, signal: AbortSignal, show?: Show): Promise<Outcome> {
    try {
      const program = findProgram(folder, provider.script);
      show?.('hermod', ...jobLines(program, job));
      const end = await run(program, job, limits, signal);
      show?.('provider', ...endLines(end));
      return verdict({ ...end, said: quote(end.said, job) });
    } catch (error) {
      return { kind: 'unavailable', reason: (error as Error).message };
    }
  }

  return {
    prepare: (message) => jobOf(message, provider),
    begun: () => false,
    async open(ended) {
      findProgram(folder, provider.script);
      return exchangeLink(handOver, ended);
    },
  };
}

/** Throws when the number, as the row rewrites it, could be taken for an option or is no number any more. */
export function jobOf(message: Sms, provider: Pick<Provider, 'number'>): Job {
  const number = rewriteNumber(message, provider.number);
  if (!/^[+0-9][0-9]{0,30}$/.test(number)) throw new Error('the number, as this provider rewrites it, is none');
  if (message.from.includes('\0')) throw new Error('the sender has a NUL');
  return {
    number,
    text: message.text,
    env: {
      HERMOD_ID: message.id,
      HERMOD_SENDER: message.from,
      HERMOD_EXPIRES: String(Math.floor(message.expiry / 1_000)),
      HERMOD_LANE: message.lane,
    },
  };
}

const jobLines = ({ folder, file }: Program, { number, text, env }: Job): string[] => [
  `cd ${folder}`,
  ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
  `argv: ${JSON.stringify([file, number])}`,
  'stdin:',
  ...text.split(/\r\n|\r|\n/),
];

function endLines({ code, signal, killed, said }: End): string[] {
  const end = killed ? `killed: it ${killed}` : code === null ? `ended by ${signal}` : `exit code ${code}`;
  return [end, ...(said === '' ? [] : ['stderr:', ...said.trimEnd().split(/\r\n|\r|\n/)])];
}
