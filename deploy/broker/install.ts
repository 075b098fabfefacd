// Installs the distribution's RabbitMQ package on Debian and Ubuntu, without letting its service start.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { firstIn } from './program.ts';

const PACKAGE = 'rabbitmq-server';
const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_MARK = 'Hermod installs RabbitMQ';
const DENIED = 101; // what a policy answers to forbid an action
const PROGRESS_EVERY_MS = 5_000;
const INSTALL = ['-y', '--no-install-recommends', 'install', PACKAGE];
// A lock that another apt holds is waited for; no questions, and no restart of other services (Ubuntu's needrestart).
const OPTIONS = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0'];
const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };

export function canInstall(): boolean {
  return process.getuid?.() === 0 && firstIn(['/usr/bin'], 'apt-get') !== undefined;
}

export type InstallOptions = {
  /** The file that gets apt-get's output. */
  log: string;
  say: (line: string) => void;
};

/** Rejects with one line when the package cannot be had. Reads new package lists when there are none, or old ones. */
export async function installRabbit(options: InstallOptions): Promise<void> {
  const ownPolicy = needsPolicy();
  let names = await wouldInstall();
  if (names.length === 0) {
    await readLists(options);
    names = await wouldInstall();
  }
  if (names.length === 0)
    throw new Error(
      `apt-get finds no package ${PACKAGE} (is the network there?): install RabbitMQ yourself, or set AMQP_URL.`,
    );
  options.say(
    `Installing the package ${PACKAGE}, ${names.length} packages with what it needs, by apt-get; its own service stays off`,
  );
  try {
    await apt(INSTALL, ownPolicy, options);
  } catch {
    // Most often lists so old that the server no longer has the files.
    await readLists(options);
    await apt(INSTALL, ownPolicy, options);
  }
  // Debian enables a new service for the next boot, where it would open a port that nobody asked for.
  spawnSync('update-rc.d', [PACKAGE, 'disable'], { stdio: 'ignore' });
}

async function readLists(options: InstallOptions): Promise<void> {
  options.say('Reading new package lists (apt-get update)');
  await apt(['update'], false, options);
}

/** The packages that apt-get would install; none when it does not know the package. */
async function wouldInstall(): Promise<string[]> {
  const plan = await promisify(execFile)('apt-get', ['--simulate', ...INSTALL], { env: ENV }).catch(() => ({
    stdout: '',
  }));
  return Array.from(plan.stdout.matchAll(/^Inst (\S+)/gm), ([, name]) => name!);
}

/** Whether we have to forbid the start of the service ourselves: container images often forbid it already. */
function needsPolicy(): boolean {
  if (!existsSync(POLICY) || readFileSync(POLICY, 'utf8').includes(POLICY_MARK)) return true;
  if (spawnSync(POLICY, [PACKAGE, 'start'], { stdio: 'ignore' }).status === DENIED) return false;
  throw new Error(
    `${POLICY} lets new services start, and is not ours to change: install ${PACKAGE} yourself, or set AMQP_URL.`,
  );
}

/**
 * Runs apt-get. $1 says whether the start of the package's services is forbidden meanwhile: by the policy file that
 * Debian's maintainer scripts ask. The file counts only while this very shell lives, and goes with it. When we are gone,
 * file descriptor 3 closes and apt-get gets SIGHUP, which ends a download and is ignored once packages are unpacked.
 */
const RUN_APT = `
forbid=$1; shift
if [ "$forbid" = true ]; then
  trap 'rm -f ${POLICY}' EXIT
  cat > ${POLICY} <<END
#!/bin/sh
# ${POLICY_MARK} in process $$ and keeps its service from starting. Without effect, and safe to delete, once that has ended.
[ -d /proc/$$ ] || exit 0
case "\\$*" in *rabbitmq-server*|*epmd*) exit ${DENIED} ;; esac
END
  chmod 755 ${POLICY}
fi
apt-get "$@" 3<&- & apt=$!
{ read -r _; kill -HUP $apt 2>/dev/null; } <&3 3<&- & watcher=$!
wait $apt; status=$?
kill $watcher 2>/dev/null
exit $status
`;

/** Rejects with apt-get's own complaint. */
function apt(args: string[], forbid: boolean, { log, say }: InstallOptions): Promise<void> {
  const began = performance.now();
  // Its output goes to a file: dpkg would die half-way of a pipe that we no longer read. And it has a session of its own,
  // so that the terminal's Ctrl-C does not hit dpkg at work.
  const output = openSync(log, 'w', 0o600);
  const script = ['-c', RUN_APT, 'sh', String(forbid), ...OPTIONS, ...args];
  const child = spawn('/bin/sh', script, { env: ENV, detached: true, stdio: ['ignore', output, output, 'pipe'] });
  closeSync(output);
  child.stdio[3]!.on('error', () => {});
  const lines = () => readFileSync(log, 'utf8').trimEnd().split('\n');
  const progress = setInterval(() => {
    say(`  ${Math.round((performance.now() - began) / 1_000)} s: ${lines().at(-1)!.slice(0, 90)}`);
  }, PROGRESS_EVERY_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      clearInterval(progress);
      if (code === 0) return resolve();
      const complaint = lines().findLast((line) => line.startsWith('E: ')) ?? lines().at(-1)!;
      reject(
        new Error(`apt-get could not install ${PACKAGE}: ${complaint.trim() || `exit code ${code}`} (log: ${log})`),
      );
    });
  });
}
