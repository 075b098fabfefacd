// A RabbitMQ in a container, for hosts that have a Docker engine and nothing else.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Broker, FindOptions } from './find.ts';
import { untilAnswers } from './handshake.ts';
import { openHome, USER } from './home.ts';
import { DEFAULT_PORT, freePorts } from './ports.ts';

const IMAGE = 'rabbitmq:4';
const ANSWER_WITHIN_MS = 5_000;
const COMMAND_WITHIN_MS = 60_000;
const PULL_WITHIN_MS = 600_000;
const FLUSH = '[dets:sync(T) || T <- dets:all()].';

/** Whether a Docker engine answers; a client without an engine does not count. */
export const dockerAnswers = (): Promise<boolean> =>
  docker(['info'], ANSWER_WITHIN_MS).then(
    () => true,
    () => false,
  );

/**
 * Runs RabbitMQ in a container named after the state folder, with its data in a volume of that name. The container does
 * not end when we are killed; the next start finds it running and uses it.
 */
export async function brokerInDocker({ dir, allowInstall, say }: Omit<FindOptions, 'env'>): Promise<Broker> {
  const { path, password } = openHome(dir);
  const name = `hermod-${createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 12)}`;
  const running = await docker(['port', name, '5672']).catch(() => undefined);
  const address = running ?? `127.0.0.1:${(await freePorts(DEFAULT_PORT)).amqp}`;
  if (!running) {
    say(
      `Starting the container ${name} (${IMAGE}) on ${address}${allowInstall ? '; the image is downloaded if missing' : ''}`,
    );
    const envFile = join(path, 'docker.env');
    writeFileSync(envFile, `RABBITMQ_DEFAULT_USER=${USER}\nRABBITMQ_DEFAULT_PASS=${password}\n`, { mode: 0o600 });
    const where = [
      '--name',
      name,
      '--hostname',
      'hermod',
      '--volume',
      `${name}:/var/lib/rabbitmq`,
      '--publish',
      `${address}:5672`,
    ];
    const pull = allowInstall ? 'missing' : 'never';
    await docker(['run', '--detach', '--rm', '--pull', pull, '--env-file', envFile, ...where, IMAGE], PULL_WITHIN_MS);
  }
  const url = `amqp://${USER}:${password}@${address}`;
  const stop = async () => void (await docker(['stop', name]));
  try {
    await untilAnswers(url, {
      withinMs: COMMAND_WITHIN_MS,
      progress: (s) => say(`  RabbitMQ is still starting (${s} s)`),
    });
  } catch (error) {
    await stop();
    throw new Error(`RabbitMQ in the container ${name} did not start: ${(error as Error).message}`);
  }
  const flushDeclarations = async () => void (await docker(['exec', name, 'rabbitmqctl', 'eval', FLUSH]));
  return { url, how: 'docker', flushDeclarations, stop };
}

/** What the command printed, its ends trimmed. Rejects with the client's last line. */
async function docker(args: string[], timeout = COMMAND_WITHIN_MS): Promise<string> {
  try {
    return (await promisify(execFile)('docker', args, { timeout })).stdout.trim();
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`docker ${args[0]}: ${stderr?.trim().split('\n').at(-1) || message}`);
  }
}
