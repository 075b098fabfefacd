// A real Postfix, as a private instance: its own configuration, queue and log in a folder of the test, an unprivileged port
// on loopback. Where Postfix is missing it is installed from Debian, and its own service is not started.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

const POSTFIX = '/usr/sbin/postfix';
const SASLPASSWD = '/usr/sbin/saslpasswd2';
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
install() { apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends install "$@"; }
install "$@" || { apt-get update && install "$@"; }
status=$?
update-rc.d postfix disable
exit $status
`;

function requireProgram(file: string, packages: readonly string[]): void {
  if (process.getuid?.() !== 0) throw new Error('a private Postfix can only be run by root: run this test as root');
  if (existsSync(file)) return;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new Error(`there is no ${file} here, and no apt-get to install it: install ${packages} for this test`);
  }
  const command = ['-c', INSTALL, 'install', ...packages];
  const { status, stderr } = spawnSync('/bin/sh', command, { env: ENV, encoding: 'utf8', stdio: 'pipe' });
  if (status === 0 && existsSync(file)) return;
  throw new Error(`${file} is missing and cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
}

/** What a Postfix for submission asks of its clients: STARTTLS with this certificate, and this login. */
export type Submission = { cert: string; key: string; user: string; password: string };

/**
 * Takes mail for `domain` on loopback and relays it to `gatewayPort`, as the page on ISE says; with `submission` only over
 * STARTTLS and after AUTH.
 */
export async function startPostfix(domain: string, gatewayPort: number, submission?: Submission): Promise<Postfix> {
  requireProgram(POSTFIX, ['postfix']);
  const dir = mkdtempSync(join(tmpdir(), 'hermod-postfix-'));
  // Its daemons run as the user postfix, who must be able to reach the queue.
  chmodSync(dir, 0o755);
  const port = await freePort();
  const etc = join(dir, 'etc');
  const logFile = join(dir, 'log');
  for (const name of ['etc', 'queue', 'data']) mkdirSync(join(dir, name), { mode: 0o755 });
  writeFileSync(
    join(etc, 'main.cf'),
    mainCf(dir, domain, gatewayPort) + (submission ? submissionCf(dir, domain, submission) : ''),
  );
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
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`;

/** Writes the certificate and Cyrus SASL's list of one user, and gives the lines of main.cf for them. */
function submissionCf(dir: string, domain: string, { cert, key, user, password }: Submission): string {
  requireProgram(SASLPASSWD, ['sasl2-bin', 'libsasl2-modules']);
  const users = join(dir, 'sasldb2');
  const realm = `smtp.${domain}`;
  execFileSync(SASLPASSWD, ['-p', '-c', '-f', users, '-u', realm, user], { input: password });
  execFileSync('chown', ['postfix', users]);
  // Debian's Postfix reads it here, whatever cyrus_sasl_config_path says.
  mkdirSync(join(dir, 'etc', 'sasl'));
  writeFileSync(
    join(dir, 'etc', 'sasl', 'smtpd.conf'),
    `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${users}\nmech_list: PLAIN LOGIN\n`,
  );
  writeFileSync(join(dir, 'tls.pem'), key + cert, { mode: 0o600 });
  return `
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = ${dir}/tls.pem
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = ${realm}
cyrus_sasl_config_path = ${dir}/etc/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unauth_destination
`;
}
