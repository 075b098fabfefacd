// `hermod import linotp|privacyidea|kannel`: rows for our configuration out of another program's, on stdout; what became of
// each line, on stderr; and the secrets in a file of their own.
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { reasonOf } from '#shared/telemetry/log.ts';
import { Fault } from './fault.ts';
import { type Options, optionsOf } from './gateway.ts';
import { type Draft, type Imported, type Note, newDraft } from './import/draft.ts';
import { importKannel } from './import/kannel.ts';
import { importLinotp } from './import/linotp.ts';
import { importPrivacyidea } from './import/privacyidea.ts';
import type { Choices, Source } from './import/source.ts';
import { count, sayJson, warn } from './output.ts';

type ImportOptions = Options & { env: string; withSecrets?: boolean; otp?: boolean; quiet?: boolean };

const MOST_OCTETS = 1_048_576;
const PROGRAMS: Readonly<
  Record<string, { of: string; read: (draft: Draft, sources: readonly Source[], choices: Choices) => void }>
> = {
  linotp: { of: "LinOTP's SMS providers and policies (JSON or ini), gnokii's gnokiirc", read: importLinotp },
  privacyidea: { of: "privacyIDEA's SMS gateways: the export in JSON", read: importPrivacyidea },
  kannel: { of: 'kannel.conf', read: importKannel },
};

export function addImport(program: Command): void {
  const group = program
    .command('import')
    .description("print rows for our configuration, made of another program's")
    .addHelpText('after', '\nExample:\n  hermod import kannel /etc/kannel/kannel.conf > gateway.yaml');
  for (const [name, { of }] of Object.entries(PROGRAMS)) {
    const command = group
      .command(`${name} <file...>`)
      .description(`from ${of}`)
      .option('--env <file>', 'where the secrets go, for the environment; it must not be there yet', 'hermod.env')
      .option('--with-secrets', 'write the secrets into the rows instead')
      .option('--quiet', 'say only what changed, was left out or is to be looked at');
    if (name !== 'kannel') command.option('--otp', 'its messages are one-time passwords: valid for 120 s');
    command.action((files: string[], _options, one: Command) => run(name, files, optionsOf<ImportOptions>(one)));
  }
}

function run(name: string, files: readonly string[], options: ImportOptions): void {
  const draft = newDraft({ withSecrets: options.withSecrets ?? false });
  const newPassword = () => randomBytes(18).toString('base64url');
  PROGRAMS[name]!.read(draft, files.map(readSource), { otp: options.otp ?? false, newPassword });
  const imported = draft.finish();
  const { env, notes } = imported;
  const names = Object.keys(env);
  if (names.length > 0) writeSecrets(options.env, imported);
  if (options.json) {
    sayJson({ ...imported, env: names });
    return;
  }
  process.stdout.write(imported.yaml);
  for (const note of notes) if (!options.quiet || note.verdict !== 'taken') warn(lineOf(note));
  const tally = VERDICTS.map((verdict) => `${notes.filter((note) => note.verdict === verdict).length} ${verdict}`);
  warn(`lines: ${tally.join(', ')}`);
  if (names.length > 0)
    warn(`${count(names.length, 'secret')} in ${options.env}, which the gateway needs in its environment`);
}

const VERDICTS = ['taken', 'changed', 'left out', 'warning'] as const;
const lineOf = ({ file, line, verdict, what }: Note) => `${file}:${line}: ${verdict}: ${what}`;

function readSource(file: string): Source {
  try {
    if (statSync(file).size > MOST_OCTETS) throw new Fault(`it is over ${MOST_OCTETS / 1_048_576} MiB`);
    return { file, name: basename(file, extname(file)), text: readFileSync(file, 'utf8') };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Fault(`${file}: ${missing ? 'there is no such file' : reasonOf(error)}`);
  }
}

/** For the owner alone, in the form that shells, systemd and `node --env-file` read. */
function writeSecrets(file: string, { env }: Imported): void {
  const lines = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}\n`);
  try {
    writeFileSync(file, lines.join(''), { mode: 0o600, flag: 'wx' });
    chmodSync(file, 0o600);
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new Fault(`${file}: ${there ? 'is there already: name another with --env' : reasonOf(error)}`);
  }
}

function quoted(value: string): string {
  if (/^[\w@%+=:,./-]+$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replaceAll(/["\\$`]/g, '\\$&')}"`;
}
