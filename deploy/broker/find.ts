// Finds a RabbitMQ for this box, or sets one up: AMQP_URL, RabbitMQ's program on this host, the distribution's package,
// a Docker engine – in this order.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { brokerInDocker, dockerAnswers } from './docker.ts';
import { untilAnswers } from './handshake.ts';
import { canInstall, installRabbit } from './install.ts';
import { startPrivateNode } from './node.ts';
import { findProgram } from './program.ts';

const URL_ANSWERS_WITHIN_MS = 10_000;

export type Broker = {
  /** amqp://user:password@host:port; a secret. */
  url: string;
  how: 'url' | 'host-program' | 'installed' | 'docker';
  /** The broker's process, where it is ours. */
  pid?: number;
  /** Resolves when a broker that is our child has ended, whoever ended it. */
  exited?: Promise<void>;
  /** After declaring quorum queues: makes the declarations safe against a crash. Nothing for a broker that is not ours. */
  flushDeclarations(): Promise<void>;
  /** Ends the broker if it is ours. */
  stop(): Promise<void>;
};

export type FindOptions = {
  /** The state folder, where a broker of ours keeps its data. */
  dir: string;
  /** Whether packages or images may be downloaded. */
  allowInstall: boolean;
  say: (line: string) => void;
  /** Where AMQP_URL is looked up; the process's own unless given. */
  env?: NodeJS.ProcessEnv;
};

/** Rejects with one line that says what is missing and what to do. */
export async function findBroker({ dir, allowInstall, say, env = process.env }: FindOptions): Promise<Broker> {
  if (env.AMQP_URL) return brokerAt(env.AMQP_URL, say);
  if (findProgram()) return { how: 'host-program', ...(await startPrivateNode({ dir, say })) };
  if (allowInstall && canInstall()) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    await installRabbit({ log: join(dir, 'install.log'), say });
    return { how: 'installed', ...(await startPrivateNode({ dir, say })) };
  }
  if (await dockerAnswers()) return brokerInDocker({ dir, allowInstall, say });
  throw new Error(
    'No RabbitMQ found. Do one of these: set AMQP_URL=amqp://user:password@host:5672; install the package ' +
      'rabbitmq-server on this host; on Debian or Ubuntu run this as root' +
      `${allowInstall ? '' : ' and allow it to install'}, and it is installed for you; start a Docker engine.`,
  );
}

async function brokerAt(url: string, say: (line: string) => void): Promise<Broker> {
  const place = placeOf(url);
  try {
    const progress = (seconds: number) => say(`  no answer from ${place} yet (${seconds} s)`);
    await untilAnswers(url, { withinMs: URL_ANSWERS_WITHIN_MS, progress });
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`The RabbitMQ of AMQP_URL (${place}) cannot be used: ${reason}. Start it, or correct AMQP_URL.`);
  }
  say(`Using the RabbitMQ of AMQP_URL (${place})`);
  return { url, how: 'url', flushDeclarations: async () => {}, stop: async () => {} };
}

/** Host and port only: the rest of the URL is secret. */
function placeOf(url: string): string {
  const { protocol, host } = URL.canParse(url) ? new URL(url) : { protocol: '', host: '' };
  if (!['amqp:', 'amqps:'].includes(protocol) || !host) {
    throw new Error('AMQP_URL is not a broker address: it should look like amqp://user:password@host:5672/vhost.');
  }
  return host;
}
