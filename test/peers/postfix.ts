// A real Postfix, as a private instance: its own configuration, queue and log in a folder of the test, an unprivileged port
// on loopback. Where Postfix is missing it is installed from Debian, and its own service is not started.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

const POSTFIX = '/usr/sbin/postfix';
const POLICY = '/usr/sbin/policy-rc.d';
const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };

export type Postfix = {
  port: number;
  /** Everything it has logged. */
  log(): string;
  /** Tries again what is deferred. */
  flush(): void;
  stop(): void;
};

/** With a policy file that forbids starting services, unless the host has one; it goes again whatever happens. */
const INSTALL = `
if [ ! -e ${POLICY} ]; then
  trap 'rm -f ${POLICY}' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}
fi
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
install() { apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends install postfix; }
install || { apt-get update && install; }
status=$?
update-rc.d postfix disable
exit $status
`;

function requirePostfix(): void {
  if (process.getuid?.() !== 0) throw new Error('a private Postfix can only be run by root: run this test as root');
  if (existsSync(POSTFIX)) return;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new Error('there is no Postfix here, and no apt-get to install it: install Postfix for this test');
  }
  const { status, stderr } = spawnSync('/bin/sh', ['-c', INSTALL], { env: ENV, encoding: 'utf8', stdio: 'pipe' });
  if (status === 0 && existsSync(POSTFIX)) return;
  throw new Error(`Postfix is missing and cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
}

/** Takes mail for `domain` on loopback and relays it to `gatewayPort`, as the page on ISE says. */
export async function startPostfix(domain: string, gatewayPort: number): Promise<Postfix> {
  requirePostfix();
  const dir = mkdtempSync(join(tmpdir(), 'hermod-postfix-'));
  // Its daemons run as the user postfix, who must be able to reach the queue.
  chmodSync(dir, 0o755);
  const port = await freePort();
  const etc = join(dir, 'etc');
  const logFile = join(dir, 'log');
  for (const name of ['etc', 'queue', 'data']) mkdirSync(join(dir, name), { mode: 0o755 });
  writeFileSync(join(etc, 'main.cf'), mainCf(dir, domain, gatewayPort));
  writeFileSync(join(etc, 'master.cf'), masterCf(port));
  execFileSync('chown', ['postfix', join(dir, 'data')]);
  const run = (command: string) =>
    spawnSync(POSTFIX, ['-c', etc, command], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, encoding: 'utf8' });
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  const stop = () => {
    run('stop');
    rmSync(dir, { recursive: true, force: true });
  };
  const { status, stderr } = run('start');
  if (status !== 0) {
    const said = `${stderr}\n${log()}`.trim().split('\n').slice(-3).join('; ');
    rmSync(dir, { recursive: true, force: true });
    throw new Error(`Postfix did not start: ${said}`);
  }
  await until('Postfix is up', () => log().includes('daemon started'));
  return { port, log, flush: () => void run('flush'), stop };
}

const mainCf = (dir: string, domain: string, gatewayPort: number) => `
compatibility_level = 3.6
queue_directory = ${dir}/queue
data_directory = ${dir}/data
maillog_file = ${dir}/log
maillog_file_prefixes = ${dir}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = smtp.${domain}
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtp_host_lookup = native
relay_domains = ${domain}
relay_transport = smtp:[127.0.0.1]:${gatewayPort}
default_transport = error:nothing leaves this test
minimal_backoff_time = 1s
`;

const masterCf = (port: number) => `
127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
