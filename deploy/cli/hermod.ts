#!/usr/bin/env node
// `hermod`, the command line: checks, sends, looks up, pauses, and handles dead letters. Exit codes: 0 fine, 1 a fault,
// 2 wrong usage, 3 not found. A fault is one line on stderr.
import { Command, CommanderError } from 'commander';
import { ConfigError } from '#shared/config/load.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import manifest from '../../package.json' with { type: 'json' };
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addBrokerUsers } from './broker-users.ts';
import { addCancel } from './cancel.ts';
import { addConfiguration } from './configuration.ts';
import { addDead } from './dead.ts';
import { addDoctor } from './doctor.ts';
import { EXIT, Fault } from './fault.ts';
import { addImport } from './import.ts';
import { addMessages } from './messages.ts';
import { addModem } from './modem.ts';
import { warn } from './output.ts';
import { addProviders } from './providers.ts';
import { addQueues } from './queues.ts';
import { addRefusals } from './refusals.ts';
import { addRestore } from './restore.ts';
import { addRoute } from './route.ts';
import { addRule } from './rule.ts';
import { addSend } from './send.ts';
import { addSuppressed } from './suppressed.ts';
import { addTotpReset } from './totp-reset.ts';
import { addTry } from './try.ts';

function commandLine(): Command {
  const program = new Command('hermod')
    .description("Hermod's command line.")
    .version(manifest.version)
    .option('--config <file>', 'configuration (default: HERMOD_CONFIG, ./gateway.yaml, ./var/gateway.yaml)')
    .option('--json', 'print JSON, for machines')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'hermod: ')) })
    .addHelpText(
      'after',
      `
The broker is the one in AMQP_URL, else that of the gateway which runs with this
configuration on this machine.
Exit codes: 0 fine, 1 a fault, 2 wrong usage, 3 not found.

Example:
  hermod send --to +447700900123 --text 'Hello from Hermod' --wait`,
    )
    .exitOverride();
  for (const add of [
    addConfiguration,
    addDoctor,
    addBrokerUsers,
    addImport,
    addSend,
    addMessages,
    addCancel,
    addQueues,
    addProviders,
    addTry,
    addDead,
    addRule,
    addRoute,
    addRefusals,
    addAudit,
    addSuppressed,
    addTotpReset,
    addModem,
    addBackup,
    addRestore,
  ])
    add(program);
  return program;
}

function exitCodeOf(error: unknown): number {
  // Commander has said its line already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  const lines = error instanceof ConfigError ? error.message.split('\n') : [reasonOf(error)];
  for (const line of lines) warn(`hermod: ${line}`);
  return error instanceof Fault ? error.exitCode : EXIT.fault;
}

// `hermod find … | head` ends the reader first.
process.stdout.on('error', () => process.exit(EXIT.fine));
let exitCode: number = EXIT.fine;
try {
  await commandLine().parseAsync();
  exitCode = Number(process.exitCode ?? EXIT.fine);
} catch (error) {
  exitCode = exitCodeOf(error);
}
// Ending while a pipe still takes what was written would cut it off.
process.stdout.write('', () => process.exit(exitCode));
