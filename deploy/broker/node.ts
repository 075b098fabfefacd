// A private RabbitMQ node: started as our child, on loopback only, with its own ports, epmd, cookie, user and data; it
// ends when we end.
import { execFile } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { untilAnswers } from './handshake.ts';
import { type Home, openHome, USER, writeSettings } from './home.ts';
import { endLeftover, noteRun } from './leftover.ts';
import { areFree, DEFAULT_PORT, freePorts, type Ports } from './ports.ts';
import { findProgram, type Program } from './program.ts';
import { spawnTethered } from './tether.ts';

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const FLUSH_WITHIN_MS = 10_000;
/** One name for all: names only have to differ within one epmd. Data belongs to a name, so a moved checkout keeps it. */
const NAME = 'hermod@localhost';

export type PrivateNode = {
  /** amqp://user:password@127.0.0.1:port */
  url: string;
  /** The Erlang VM: what a fault test kills. */
  pid: number;
  /** The folder of its data and logs. */
  home: string;
  /** Resolves when the Erlang VM and its epmd have ended, whoever ended them. */
  exited: Promise<void>;
  /**
   * Makes the declarations of quorum queues so far safe against a SIGKILL: RabbitMQ keeps them in tables that reach the
   * disk up to minutes later, and without them the messages of a young queue are not found again. Takes about 0.3 s.
   */
  flushDeclarations(): Promise<void>;
  /** Ends it cleanly, with force after 20 s; no process is left. */
  stop(): Promise<void>;
};

export type NodeOptions = {
  /** The state folder: the node keeps its things in `broker` below it (as root possibly elsewhere, see home.ts). */
  dir: string;
  /** The AMQP port to try first; otherwise that of the last start, otherwise 5673. A taken port leads to the next. */
  port?: number;
  say: (line: string) => void;
};

/** Starts the node of a state folder. Rejects with one line that says what happened and where the log is. */
export async function startPrivateNode({ dir, port, say }: NodeOptions): Promise<PrivateNode> {
  const program = findProgram();
  if (!program)
    throw new Error('RabbitMQ is not installed on this host: no rabbitmq-server with erl and epmd was found.');
  const home = openHome(dir);
  await endLeftover(home.path, say);
  let ports = await freePorts(port ?? home.port ?? DEFAULT_PORT);
  say(`Starting RabbitMQ ${program.version} as a private node on 127.0.0.1:${ports.amqp}, data in ${home.path}`);
  for (let tries = 3; ; tries--) {
    try {
      return await launch(program, home, ports, say);
    } catch (error) {
      // Between the look for free ports and their use another program may have taken one.
      if (tries === 1 || (await areFree(ports))) throw error;
      ports = await freePorts(ports.amqp + 1);
      say(`A port was taken meanwhile: trying 127.0.0.1:${ports.amqp}`);
    }
  }
}

async function launch(program: Program, home: Home, ports: Ports, say: NodeOptions['say']): Promise<PrivateNode> {
  writeSettings(home, ports);
  const env = environment(program, home, ports);
  const url = `amqp://${USER}:${home.password}@127.0.0.1:${ports.amqp}`;
  const output = openSync(join(home.path, 'startup.log'), 'w', 0o600);
  const options = { cwd: home.path, env, owner: home.owner, output };
  // An epmd of our own in the foreground: the one that Erlang would start outlives its nodes.
  const epmd = spawnTethered([program.epmd, '-port', String(ports.epmd)], options);
  const server = spawnTethered([program.server], options);
  closeSync(output);
  noteRun(home.path, epmd.pid, server.pid);
  const exited = server.exited.then(() => epmd.end(STOP_WITHIN_MS));
  const stop = async () => {
    await server.end(STOP_WITHIN_MS);
    await exited;
  };

  const began = performance.now();
  try {
    const progress = (seconds: number) => say(`  RabbitMQ is still starting (${seconds} s)`);
    await untilAnswers(url, { withinMs: START_WITHIN_MS, ended: () => server.ended() || epmd.ended(), progress });
  } catch (error) {
    const fault = (server.ended() && lastFault(home)) || (error as Error).message;
    await (epmd.ended() ? server.end(0) : stop()); // without its epmd it has hardly begun
    throw new Error(`RabbitMQ did not start: ${fault} (logs: ${home.path}, startup.log and log/)`);
  }
  say(`RabbitMQ is ready after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  return { url, pid: server.pid, home: home.path, exited, flushDeclarations: () => flush(program, home, env), stop };
}

/** Nothing of the caller's environment, so that a setting for another node on this host has no say here. */
function environment({ path }: Program, { path: home }: Home, ports: Ports): Record<string, string> {
  // A broker on as many schedulers as cores wakes them for little work and gets in the way of the services beside it:
  // on two cores a pipeline of three hops ran a third faster with one scheduler. Busy-waiting is off in RabbitMQ's own
  // settings (+sbwt none); waiting busily for files starts the node 3 s earlier and costs half as much CPU again later.
  const schedulers = Math.max(1, Math.floor(availableParallelism() / 2));
  return {
    PATH: path,
    HOME: home, // the cookie is there
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: NAME,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(home, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(home, 'data'),
    RABBITMQ_LOG_BASE: join(home, 'log'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S ${schedulers}:${schedulers} -start_epmd false ${ON_LOOPBACK.join(' ')}`,
    RUNNING_UNDER_SYSTEMD: 'true', // as in RabbitMQ's image: the script becomes the Erlang VM, which handles SIGTERM
  };
}

const ON_LOOPBACK = ['-kernel', 'inet_dist_use_interface', '{127,0,0,1}'];

let flushes = 0;

/** Asks the node from a short-lived Erlang of our own, in a third of the time that rabbitmqctl takes. */
async function flush({ erl }: Program, { path, owner }: Home, env: Record<string, string>): Promise<void> {
  const call = (what: string, args: string) => `rpc:call('${NAME}', dets, ${what}, ${args})`;
  const code = `try [ok = ${call('sync', '[Table]')} || Table <- ${call('all', '[]')}], halt(0) catch _:R -> io:format("~0p", [R]), halt(1) end.`;
  const name = `flush-${process.pid}-${flushes++}@localhost`;
  const args = ['-boot', 'no_dot_erlang', '-noinput', '-hidden', '-sname', name, '-start_epmd', 'false'];
  try {
    await promisify(execFile)(erl, [...args, ...ON_LOOPBACK, '-eval', code], {
      cwd: path,
      env,
      ...owner,
      timeout: FLUSH_WITHIN_MS,
    });
  } catch (error) {
    const { stdout, message } = error as Error & { stdout?: string };
    throw new Error(`RabbitMQ's declarations could not be written to disk: ${(stdout || message).slice(0, 300)}`);
  }
}

/** What the node said when it gave up, on one line; undefined when it said nothing. */
function lastFault(home: Home): string | undefined {
  const said = readFileSync(join(home.path, 'startup.log'), 'utf8').trim();
  const at = said.search(/^(?:Error during startup|ERROR): /m);
  const fault =
    at === -1 ? said.split('\n').findLast((line) => !line.startsWith('Crash dump')) : said.slice(at).split('\n\n')[0];
  return fault?.replaceAll(/\s+/g, ' ').slice(0, 200) || undefined;
}
