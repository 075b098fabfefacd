// The checks of `hermod doctor`. Each looks at one thing and says in one line how it is, and what to do when it is not well.
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { brokerName } from '#shared/bus/dial.ts';
import type { Loaded } from '#shared/config/load.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { lookAt, newestSchema } from '../../../services/ledger/database/dump.ts';
import { certificateFault } from '../configuration.ts';
import { count } from '../output.ts';
import type { View } from './view.ts';

export { openView } from './view.ts';

export type State = 'ok' | 'warning' | 'critical' | 'unknown';
export type Finding = { state: State; words: string };
export type Check = (view: View) => Promise<Finding>;

const DAY_MS = 86_400_000;
const MIB = 1_048_576;
const CERTIFICATE_DAYS = { warning: 14, critical: 3 };
const CLOCK_MS = { warning: 10_000, critical: 60_000 };
/** What is to be free. */
const DISK = { warning: { share: 0.1, octets: 1_024 * MIB }, critical: { share: 0.03, octets: 200 * MIB } };
/** Before this no clock of a host that runs this can be right. */
const EARLIEST = Date.UTC(2025, 0, 1);
const TIMEDATECTL_MS = 2_000;
const DEAD_LETTERS = /^\d+ dead letters? /;

const ok = (words: string): Finding => ({ state: 'ok', words });
const warning = (words: string): Finding => ({ state: 'warning', words });
const critical = (words: string): Finding => ({ state: 'critical', words });
const worse = (value: number, limits: { warning: number; critical: number }): State =>
  value > limits.critical ? 'critical' : value > limits.warning ? 'warning' : 'ok';

export const CHECKS: Record<string, Check> = {
  configuration,
  broker,
  ledger,
  database,
  queues: (view) => problems(view, '/queues', (n) => `${n.queues} queues, each with its reader; no dead letters`),
  providers: (view) => problems(view, '/providers', (n) => `${count(n.providers, 'provider')} connected`),
  certificates,
  clock,
  disk,
};

async function configuration(view: View): Promise<Finding> {
  try {
    const loaded = view.loaded();
    const { config, file } = loaded;
    const fault = certificateFault(loaded);
    if (fault) return critical(`${file}: ${fault}`);
    const numbers = [
      count(Object.keys(config.clients).length, 'client'),
      count(Object.keys(config.providers).length, 'provider'),
      count(config.routes.length, 'route'),
    ];
    return ok(`${file}: ${numbers.join(', ')}`);
  } catch (error) {
    return critical(firstLine(error));
  }
}

const firstLine = (error: unknown) => reasonOf(error).split('\n')[0]!;

async function broker(view: View): Promise<Finding> {
  try {
    const bus = await view.bus();
    const blocked = bus.notReady();
    if (blocked) return critical(`${brokerName(view.url())}: ${blocked}`);
    return ok(`RabbitMQ at ${brokerName(view.url())} takes messages`);
  } catch (error) {
    return critical(firstLine(error));
  }
}

async function ledger(view: View): Promise<Finding> {
  const { now, ledger, ms } = await view.known();
  if (now === undefined) return noBroker;
  if (ledger !== undefined) return critical(`it does not answer: ${ledger}`);
  return ok(`answers in ${Math.round(ms)} ms`);
}

const noBroker: Finding = { state: 'unknown', words: 'cannot be asked without the broker' };

async function problems(
  view: View,
  page: '/queues' | '/providers',
  fine: (n: { queues: number; providers: number }) => string,
): Promise<Finding> {
  const { now } = await view.known();
  if (now === undefined) return noBroker;
  const mine = now.problems.filter((problem) => problem.page === page);
  const words = mine.map(({ text }) => text).join('; ');
  if (mine.length === 0) return ok(fine({ queues: now.queues, providers: now.providers.length }));
  // While another provider is connected messages go on, and a dead letter can wait for a person.
  const served = page === '/providers' && now.providers.some(({ state }) => state === 'up');
  const urgent = mine.some(({ level, text }) => level === 'bad' && !DEAD_LETTERS.test(text));
  return urgent && !served ? critical(words) : warning(words);
}

async function database(view: View): Promise<Finding> {
  const url = process.env.DATABASE_URL;
  const { config, dir } = view.loaded();
  const file = resolve(dir, config.ledger.file);
  if (!url && !existsSync(file)) {
    const { ledger } = await view.known();
    if (ledger === undefined) return ok('not on this machine, and the ledger has it');
    return critical(`there is no ${file}, and DATABASE_URL is not set: has the gateway run with this configuration?`);
  }
  try {
    const { schema } = await lookAt(file, url);
    const what = url ? 'PostgreSQL' : file;
    if (schema > newestSchema()) return warning(`${what} is of a newer version of Hermod than this command`);
    return ok(`${what} can be read, at step ${schema}`);
  } catch (error) {
    return critical(firstLine(error));
  }
}

async function certificates(view: View): Promise<Finding> {
  const files = certificateFiles(view.loaded());
  const ends = files.map(({ name, file }) => ({ name, days: (endOf(file) - Date.now()) / DAY_MS }));
  ends.sort((a, b) => a.days - b.days);
  const [first] = ends;
  if (!first) return ok('no listener and no provider has one');
  const words = ends
    .filter((one, i) => i === 0 || one.days < CERTIFICATE_DAYS.warning)
    .map(
      ({ name, days }) => `${name} ${days < 0 ? `ended ${Math.ceil(-days)} d ago` : `ends in ${Math.floor(days)} d`}`,
    )
    .join('; ');
  const state =
    first.days < CERTIFICATE_DAYS.critical ? 'critical' : first.days < CERTIFICATE_DAYS.warning ? 'warning' : 'ok';
  return { state, words };
}

function certificateFiles({ config: { listen, providers }, dir }: Loaded): { name: string; file: string }[] {
  const rows = [
    ...Object.entries(listen).map(([name, row]) => ({ name: `listen.${name}`, row: row as object | undefined })),
    ...Object.entries(providers).map(([name, row]) => ({ name: `providers.${name}`, row: row as object })),
  ];
  return rows.flatMap(({ name, row }) => {
    const tls = row && 'tls' in row ? (row.tls as { cert?: string; ca?: string } | undefined) : undefined;
    return [tls?.cert, tls?.ca].flatMap((file) => (file === undefined ? [] : [{ name, file: resolve(dir, file) }]));
  });
}

/** Of the first certificate in the file, epoch ms. */
const endOf = (file: string) => Date.parse(new X509Certificate(readFileSync(file)).validTo);

async function clock(view: View): Promise<Finding> {
  if (Date.now() < EARLIEST) return critical(`this host believes it is ${new Date().getFullYear()}: set its clock`);
  const synchronised = await timedatectl();
  const { skews } = await view.known();
  const [worst] = [...skews].sort((a, b) => Math.abs(b.ms) - Math.abs(a.ms));
  const off = worst ? Math.abs(worst.ms) : 0;
  const state = worse(off, CLOCK_MS);
  if (worst && state !== 'ok')
    return {
      state,
      words: `${Math.round(off / 1_000)} s away from that of the worker of ${worst.provider}: synchronise both`,
    };
  if (synchronised === 'no') return warning('not synchronised: start chrony or systemd-timesyncd');
  const others = worst
    ? `as the workers' clocks (${(off / 1_000).toFixed(1)} s apart at most)`
    : 'no worker to compare with';
  return ok(synchronised === 'yes' ? `synchronised; ${others}` : others);
}

/** Undefined where nobody knows: in containers, and on hosts without systemd. */
const timedatectl = (): Promise<'yes' | 'no' | undefined> =>
  new Promise((done) => {
    const args = ['show', '-p', 'NTPSynchronized', '--value'];
    execFile('timedatectl', args, { timeout: TIMEDATECTL_MS }, (error, stdout) => {
      const word = stdout?.trim();
      done(!error && (word === 'yes' || word === 'no') ? word : undefined);
    });
  });

async function disk(view: View): Promise<Finding> {
  const { config, dir } = view.loaded();
  const folders = [...new Set([dir, dirname(resolve(dir, config.ledger.file))])].filter((folder) => existsSync(folder));
  const rooms = await Promise.all(
    folders.map(async (folder) => {
      const { bavail, blocks, bsize } = await statfs(folder);
      return { folder, free: bavail * bsize, share: blocks === 0 ? 1 : bavail / blocks };
    }),
  );
  rooms.sort((a, b) => a.free - b.free);
  const { folder, free, share } = rooms[0]!;
  // A share of a large disk is room enough.
  const under = ({ share: least, octets }: typeof DISK.warning) =>
    free < octets || (share < least && free < 10 * octets);
  const words = `${folder}: ${Math.round(free / MIB)} MiB free (${Math.round(share * 100)} %)`;
  return under(DISK.critical) ? critical(words) : under(DISK.warning) ? warning(words) : ok(words);
}
