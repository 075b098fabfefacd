// `hermod backup`: configuration and ledger in one file, taken while the gateway runs; secrets in another, or not at all.
import { existsSync, readFileSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '#shared/config/load.ts';
import manifest from '../../package.json' with { type: 'json' };
import { openDump } from '../../services/ledger/database/dump.ts';
import { type Line, writeArchive } from './backup/archive.ts';
import { type Belonging, belongingTo, fileLine, keyCheckOf, keyFileOf } from './backup/files.ts';
import { usageFault } from './fault.ts';
import { configFile, type Options, optionsOf } from './gateway.ts';
import { count, say, sayJson } from './output.ts';

type BackupOptions = Options & { secrets?: string };

export function addBackup(program: Command): void {
  program
    .command('backup <file>')
    .description('write configuration and ledger to a file, while the gateway runs')
    .option('--secrets <file>', "write the ledger's key and the configuration's files with secrets to this file")
    .addHelpText(
      'after',
      `
In it: the configuration file, the files in its folder that it names, and all that
the ledger remembers, as of one moment. Texts in it stay encrypted with the ledger's
key. Not in it: that key, files with secrets, the environment, files elsewhere
(each is named), and messages that are under way in RabbitMQ. Both files are
readable for their owner only; keep them apart. The ledger is the one of
DATABASE_URL, else the file of the configuration.

Example:
  hermod backup hermod.backup --secrets hermod.secrets`,
    )
    .action((file: string, _options, command: Command) => backup(file, optionsOf(command)));
}

async function backup(file: string, options: BackupOptions): Promise<void> {
  if (options.secrets && resolve(options.secrets) === resolve(file))
    throw usageFault('secrets need a file of their own');
  const { config, file: configPath, dir } = loadConfig(configFile(options));
  const ledger = resolve(dir, config.ledger.file);
  const keyFile = keyFileOf(ledger);
  const hasKeyFile = config.ledger.key === undefined && existsSync(keyFile);
  const belonging = belongingTo(configPath);
  const inFolder = relative(dir, keyFile);
  if (hasKeyFile && !belonging.secret.includes(inFolder)) belonging.secret.push(inFolder);
  const dump = await openDump(ledger, process.env.DATABASE_URL);
  const first = {
    version: manifest.version,
    schema: dump.schema,
    at: Date.now(),
    config: basename(configPath),
    ledger: config.ledger.file,
    ...(hasKeyFile ? { keyCheck: keyCheckOf(readFileSync(keyFile, 'utf8')) } : {}),
  };
  let rows = 0;
  async function* lines(): AsyncGenerator<Line> {
    for (const path of belonging.plain) yield fileLine(dir, path);
    for (const table of dump.tables) {
      const { columns, batches } = await dump.read(table);
      yield { table, columns };
      for await (const batch of batches) {
        rows += batch.length;
        yield* batch;
      }
    }
  }
  async function* secretLines(): AsyncGenerator<Line> {
    for (const path of belonging.secret) yield fileLine(dir, path);
  }
  try {
    await writeArchive(file, { hermod: 'backup', ...first }, lines());
    if (options.secrets) await writeArchive(options.secrets, { hermod: 'secrets', ...first }, secretLines());
  } finally {
    await dump.close();
  }
  if (options.json)
    return sayJson({
      file,
      rows,
      files: belonging.plain,
      ...(options.secrets ? { secrets: options.secrets } : {}),
      missing: missingOf(belonging, options),
    });
  say(`${file}: ${count(rows, 'row')} of the ledger, ${belonging.plain.join(', ')}`);
  if (options.secrets) say(`${options.secrets}: ${belonging.secret.join(', ') || 'there are no files with secrets'}`);
  for (const line of missingOf(belonging, options)) say(`not in it: ${line}`);
}

function missingOf({ secret, elsewhere, environment }: Belonging, { secrets }: BackupOptions): string[] {
  const kept = secrets ? [] : secret;
  return [
    ...(kept.length > 0 ? [`${kept.join(', ')} (secrets: --secrets FILE writes them)`] : []),
    ...(environment.length > 0 ? [`the environment's ${environment.join(', ')}`] : []),
    ...(elsewhere.length > 0 ? [`${elsewhere.join(', ')} (not in the folder of the configuration)`] : []),
    'messages that are under way in RabbitMQ',
  ];
}
