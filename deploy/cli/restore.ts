// `hermod restore`: a backup in its place, before the gateway is started. Nothing is written before the whole file has been
// read and checked, and what was there is kept.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { reasonOf } from '#shared/telemetry/log.ts';
import { isEmptyTarget, newestSchema, type Rows, restoreRows } from '../../services/ledger/database/dump.ts';
import { checkArchive, type Header, type Line, readArchive } from './backup/archive.ts';
import { keyCheckOf, keyFileOf } from './backup/files.ts';
import { Fault } from './fault.ts';
import { askLedger, findConfig, type Options, optionsOf, withBus } from './gateway.ts';
import { clock, count, say, sayJson } from './output.ts';

type RestoreOptions = Options & { secrets?: string; replace?: boolean; withoutKey?: boolean };
type FileLine = Extract<Line, { file: string }>;

const ANSWER_WITHIN_MS = 1_000;
const ROWS_AT_ONCE = 500;

export function addRestore(program: Command): void {
  program
    .command('restore <file>')
    .description('put a backup in its place, before the gateway is started')
    .option('--secrets <file>', "with the ledger's key and the files with secrets of this backup")
    .option('--replace', 'replace what is there; files that were there are kept as <file>.before')
    .option('--without-key', "although the ledger's key is missing: kept texts and scheduled messages are lost")
    .addHelpText(
      'after',
      `
It goes to the folder of --config, by default ./gateway.yaml, and into the database
of DATABASE_URL when that is set, whichever kind it came from. Nothing is written
before the whole file has been read and checked.

Example:
  hermod restore hermod.backup --secrets hermod.secrets --config var/gateway.yaml`,
    )
    .action((file: string, _options, command: Command) => restore(file, optionsOf(command)));
}

async function restore(file: string, options: RestoreOptions): Promise<void> {
  const header = await checkArchive(file, 'backup', newestSchema());
  if (options.secrets) await checkArchive(options.secrets, 'secrets', newestSchema());
  const target = resolve(findConfig(options) ?? header.config);
  const dir = dirname(target);
  const ledger = resolve(dir, header.ledger);
  await refuseWhileRunning(options, target);
  const files = await filesOf(file, dir, target, header);
  if (options.secrets) files.push(...(await filesOf(options.secrets, dir, target, header)));
  const there = files.filter(({ path, line }) => existsSync(path) && readFileSync(path, 'base64') !== line.base64);
  const url = process.env.DATABASE_URL;
  const empty = await isEmptyTarget(ledger, url);
  if (!options.replace && (there.length > 0 || !empty)) {
    const what = there[0]?.path ?? (url ? 'a ledger in the database of DATABASE_URL' : ledger);
    throw new Fault(`${what} is there already: --replace puts the backup in its place`);
  }
  requireKey(header, files, ledger, options);
  const rows = await restoreRows(ledger, url, header.schema, rowsOf(file)).catch((error) => {
    throw error instanceof Fault ? error : new Fault(`the ledger cannot be restored: ${reasonOf(error)}`);
  });
  for (const { path } of there) renameSync(path, `${path}.before`);
  for (const { path, line } of files) writeWhole(path, line);
  if (options.json) return sayJson({ config: target, rows, files: files.map(({ path }) => path), from: header });
  say(
    `${target}: ${count(files.length, 'file')} and ${count(rows, 'row')} of ${clock(header.at)}, from Hermod ${header.version}`,
  );
  if (there.length > 0 || !empty)
    say('what was there is kept beside it as <file>.before; a PostgreSQL database was replaced');
  say(`next: hermod check --config ${target}, then start the gateway`);
}

/** Rejects nothing when there is no broker: then no gateway runs with it. */
async function refuseWhileRunning(options: Options, target: string): Promise<void> {
  const answers = await withBus({ ...options, config: target }, (bus) =>
    askLedger(bus, { ask: 'paused' }, ANSWER_WITHIN_MS),
  ).catch(() => undefined);
  if (answers !== undefined) throw new Fault('a ledger answers on this broker: stop the gateway first');
}

type Put = { path: string; line: FileLine };

/** The configuration gets the name that the target has; everything stays in its folder. */
async function filesOf(archive: string, dir: string, target: string, header: Header): Promise<Put[]> {
  const files: Put[] = [];
  for await (const line of readArchive(archive)) {
    if (!('file' in line)) continue;
    const path = line.file === header.config ? target : resolve(dir, line.file);
    if (relative(dir, path).startsWith('..'))
      throw new Fault(`${archive} has a file outside of its folder: ${line.file}`);
    files.push({ path, line });
  }
  return files;
}

function requireKey({ keyCheck }: Header, files: readonly Put[], ledger: string, { withoutKey }: RestoreOptions): void {
  if (keyCheck === undefined || withoutKey) return;
  const path = keyFileOf(ledger);
  const coming = files.find((one) => one.path === path);
  const key = coming
    ? Buffer.from(coming.line.base64, 'base64').toString()
    : existsSync(path) && readFileSync(path, 'utf8');
  if (!key)
    throw new Fault(`the ledger's key is missing: name the file of secrets with --secrets, or put it at ${path} first`);
  if (keyCheckOf(key) !== keyCheck)
    throw new Fault(`${coming ? 'the key among the secrets' : path} is not the key of this backup`);
}

async function* rowsOf(archive: string): Rows {
  let head: { table: string; columns: string[] } | undefined;
  let rows: Extract<Line, unknown[]>[] = [];
  for await (const line of readArchive(archive)) {
    if (Array.isArray(line)) rows.push(line);
    if (head && rows.length > 0 && (!Array.isArray(line) || rows.length >= ROWS_AT_ONCE)) {
      yield { ...head, rows };
      rows = [];
    }
    if ('table' in line) head = line;
  }
  if (head && rows.length > 0) yield { ...head, rows };
}

function writeWhole(path: string, { mode, base64 }: FileLine): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const part = join(dirname(path), `.${basename(path)}.restoring`);
  writeFileSync(part, base64, { encoding: 'base64', mode: 0o600 });
  chmodSync(part, mode & 0o777);
  renameSync(part, path);
}
