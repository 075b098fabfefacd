// `rabbitmqctl` for a private node: what its administrator does and sees.
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { PrivateNode } from '../../deploy/broker/node.ts';
import { portsFor } from '../../deploy/broker/ports.ts';
import { findProgram } from '../../deploy/broker/program.ts';

/** What it printed. Each call starts an Erlang of its own, which takes a second or two. */
export async function rabbitmqctl(
  { home, url }: Pick<PrivateNode, 'home' | 'url'>,
  ...args: string[]
): Promise<string> {
  const program = findProgram()!;
  const env = {
    PATH: program.path,
    HOME: home, // the cookie is there
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(portsFor(Number(new URL(url).port)).epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
  };
  const command = [join(dirname(program.server), 'rabbitmqctl'), '-n', 'hermod@localhost', '-q', ...args];
  const { stdout } = await promisify(execFile)(command[0]!, command.slice(1), { env, maxBuffer: 64 << 20 });
  return stdout;
}
