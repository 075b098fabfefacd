// A real Kannel, as a client of the gateway: bearerbox with one SMPP link, and smsbox with its sendsms door, as two
// private processes with their configuration and logs in a folder of the test. Where Kannel is missing it is installed
// from Debian, and its own service is not started.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import { requireDebian } from './debian.ts';

const [BEARERBOX, SMSBOX] = ['/usr/sbin/bearerbox', '/usr/sbin/smsbox'];

export type Kannel = {
  /** Of smsbox, without the path. */
  url: string;
  pids: { bearerbox: number; smsbox: number };
  /** GET /cgi-bin/sendsms: its status and body. Strings travel in UTF-8. */
  send(parameters: Record<string, string | Buffer>): Promise<string>;
  /** Everything that bearerbox has logged. */
  log(): string;
  /** SIGKILL for bearerbox, and a new one, which is waited for until it is bound; smsbox starts again if it ended with it. */
  kill(wait?: { bound: boolean }): Promise<void>;
  stop(): Promise<void>;
};

/** Lines of its configuration, beside ports, addresses, names, passwords and where it logs. */
export type Settings = {
  /** Of the group `core`; DIR is its own folder. A test wants to see everything, and not to wait for what is sent again. */
  core?: string;
  /** Of the group `smsc = smpp`. */
  smpp?: string;
  smsbox?: string;
  /** More groups. */
  users?: string;
  /** Its own folder, with logs and store, is made in this one. */
  parent?: string;
};

/** Its link is up when this resolves. */
export async function startKannel(
  port: number,
  who: { name: string; password: string },
  settings: Settings = {},
): Promise<Kannel> {
  const { core = 'log-level = 0\nsms-resend-freq = 1', smpp = '', smsbox = 'log-level = 0', users = '' } = settings;
  requireDebian('kannel', SMSBOX, 'kannel');
  const dir = mkdtempSync(join(settings.parent ?? tmpdir(), 'hermod-kannel-'));
  const [admin, boxes, sendsms] = [await freePort(), await freePort(), await freePort()];
  const file = join(dir, 'kannel.conf');
  writeFileSync(
    file,
    `group = core
admin-port = ${admin}
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = ${boxes}
box-allow-ip = 127.0.0.1
log-file = ${dir}/bearerbox.log
${core.replaceAll('DIR', dir)}

group = smsc
smsc = smpp
smsc-id = hermod
host = 127.0.0.1
port = ${port}
smsc-username = ${who.name}
smsc-password = ${who.password}
system-type = ""
reconnect-delay = 1
${smpp}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${sendsms}
sendsms-interface = 127.0.0.1
log-file = ${dir}/smsbox.log
${smsbox}

group = sendsms-user
username = test
password = test
max-messages = 10
concatenation = true

${users}
`,
  );
  const children = new Map<string, ChildProcess>();
  const start = (program: string) => children.set(program, spawn(program, [file], { cwd: dir, stdio: 'ignore' }));
  const log = () => (existsSync(`${dir}/bearerbox.log`) ? readFileSync(`${dir}/bearerbox.log`, 'latin1') : '');
  const stop = async () => {
    for (const child of [...children.values()].reverse()) await end(child);
    rmSync(dir, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${sendsms}/cgi-bin/sendsms`;
  const status = async () => (await fetch(`http://127.0.0.1:${admin}/status.txt?password=admin`)).text();
  const isBound = () => until('Kannel is bound', async () => /hermod.*online/.test(await status()), 30_000);
  const takesRequests = () => until('smsbox takes requests', async () => (await fetch(url)).status === 403, 20_000);
  try {
    start(BEARERBOX);
    await isBound();
    start(SMSBOX);
    await takesRequests();
  } catch (error) {
    const said = log().trim().split('\n').slice(-3).join('; ');
    await stop();
    throw new Error(`Kannel did not start: ${said}`, { cause: error });
  }
  return {
    url: new URL(url).origin,
    pids: { bearerbox: children.get(BEARERBOX)!.pid!, smsbox: children.get(SMSBOX)!.pid! },
    async send(parameters) {
      const all = { username: 'test', password: 'test', ...parameters };
      const query = Object.entries(all).map(([name, value]) => `${name}=${encoded(value)}`);
      const answer = await fetch(`${url}?${query.join('&')}`);
      return `${answer.status} ${await answer.text()}`;
    },
    log,
    async kill({ bound } = { bound: true }) {
      const bearerbox = children.get(BEARERBOX)!;
      const gone = once(bearerbox, 'exit');
      bearerbox.kill('SIGKILL');
      await gone;
      start(BEARERBOX);
      if (bound) await isBound();
      const { exitCode, signalCode } = children.get(SMSBOX)!;
      if (exitCode !== null || signalCode !== null) start(SMSBOX);
      await takesRequests();
    },
    stop,
  };
}

const encoded = (value: string | Buffer) =>
  typeof value === 'string' ? encodeURIComponent(value) : value.toString('hex').replaceAll(/../g, '%$&');

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(late);
}
