// What `npm start`, `npm test`, `npm run bench` and `npm run faults` run, on any Node from 18: brings node_modules in line
// with package-lock.json, then runs the asked-for program on the project's own Node 24.
//
// Signals. npm passes on the SIGINT that the terminal has already sent to everybody, so it arrives here twice, and to
// the program a second one means "hurry". Therefore the program runs in a session of its own, where the terminal does
// not reach it, and gets each signal from here, once: repeats within a second count as the same. If this process is
// killed, the program sees its channel close and ends as by SIGTERM.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCache } from './compile-cache.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.hermod-lock');
const NODE_MAJOR = 24;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SAME_SIGNAL_MS = 1_000;
const PARENT_EVERY_MS = 500;
const ENTRIES = { test: 'test/run.ts', bench: 'test/load/bench.ts', faults: 'test/faults/run.ts' };
const END_WITH_US =
  "data:text/javascript,process.channel?.unref();process.once('disconnect',()=>process.kill(process.pid,'SIGTERM'))";

const [mode, ...rest] = process.argv.slice(2);
const entry = Object.hasOwn(ENTRIES, mode ?? '') ? ENTRIES[mode] : undefined;
try {
  await installLocked();
  process.exitCode = await runEntry();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function runEntry() {
  const file = join(ROOT, entry ?? 'deploy/one-box.ts');
  const args = ['--import', END_WITH_US, file, ...(entry ? rest : process.argv.slice(2))];
  const cache = compileCache(MODULES);
  // Inherited by everything below; whoever has set it already, keeps it.
  const env = { ...(cache && { NODE_COMPILE_CACHE: cache }), ...process.env };
  env.PATH = [join(MODULES, '.bin'), process.env.PATH].join(delimiter);
  const child = spawn(projectNode(), args, { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'], detached: true });
  return exitOf(child, (signal) => child.kill(signal));
}

/** Runs `npm ci` unless node_modules is what package-lock.json says. Costs a hash of that file when it is. */
async function installLocked() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  const stamp = createHash('sha256').update(lock).digest('hex');
  if (readIfThere(STAMP) === stamp) return;
  const { packages } = JSON.parse(lock);
  if (!isInstalled(packages)) {
    rmSync(STAMP, { force: true });
    const count = Object.values(packages).filter(({ optional }) => !optional).length;
    process.stdout.write(`Installing the locked dependencies (about ${count} packages) …\n`);
    await npmCi();
  }
  try {
    writeFileSync(STAMP, stamp);
  } catch {
    // Another user's node_modules: then the longer comparison is made at every start.
  }
}

/** Whether npm's own note of what it installed has every locked package; optional ones may be for other machines. */
function isInstalled(locked) {
  const note = readIfThere(join(MODULES, '.package-lock.json'));
  if (!note) return false;
  const installed = JSON.parse(note).packages;
  return Object.entries(locked).every(
    ([path, { version, optional }]) => !path || (installed[path] ? installed[path].version === version : optional),
  );
}

async function npmCi() {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1_000);
  const line = process.stdout.isTTY ? () => `\r  ${seconds()} s ` : () => `  ${seconds()} s\n`;
  const progress = setInterval(() => process.stdout.write(line()), process.stdout.isTTY ? 1_000 : 5_000);
  let output = '';
  // With the npm that runs us, on its own Node: the one in node_modules is about to be replaced.
  const { npm_node_execpath: node, npm_execpath: npm } = process.env;
  const [command, first] = node && npm ? [node, [npm]] : ['npm', []];
  const args = [...first, 'ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  // npm takes its time to stop; half an installation is no harm, since it is begun anew next time.
  const code = await exitOf(child, () => process.kill(-child.pid, 'SIGKILL')).finally(() => clearInterval(progress));
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  if (code === 0) return void process.stdout.write(`Installed after ${seconds()} s.\n`);
  if (code === 128 + constants.signals.SIGKILL)
    throw new Error('The installation was interrupted; nothing was started.');
  const errors = output.split('\n').filter((text) => text.startsWith('npm error') && !/^npm error\s+at /.test(text));
  throw new Error(`${errors.join('\n') || output.trim()}\nnpm ci failed (exit code ${code}); nothing was started.`);
}

/** Node 24: the one that the locked dependencies bring for Linux on x64 and arm64, else the one that runs this. */
function projectNode() {
  const own = join(MODULES, '.bin/node');
  const { stdout } = spawnSync(own, ['--version'], { encoding: 'utf8' });
  if (majorOf(stdout) >= NODE_MAJOR) return own;
  if (majorOf(process.version) >= NODE_MAJOR) return process.execPath;
  throw new Error(
    `Hermod needs Node ${NODE_MAJOR}: its own does not run on this machine (${process.platform} ${process.arch}), ` +
      `and this is ${process.version}. Install Node ${NODE_MAJOR} and start again.`,
  );
}

function majorOf(version) {
  return Number(/^v(\d+)\./.exec(version ?? '')?.[1] ?? 0);
}

/**
 * Resolves with the exit code of a child, 128 + number when a signal ended it. Meanwhile `pass` gets our signals, once
 * each; a closed terminal, and the end of the npm that started us, count as SIGTERM.
 */
function exitOf(child, pass) {
  let passedAt = -SAME_SIGNAL_MS;
  const passOnce = (signal) => {
    if (performance.now() - passedAt < SAME_SIGNAL_MS) return;
    passedAt = performance.now();
    pass(signal === 'SIGINT' ? signal : 'SIGTERM');
  };
  for (const signal of SIGNALS) process.on(signal, passOnce);
  // npm puts a shell between itself and us, which dies of npm's SIGTERM without passing it on.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (!process.env.npm_lifecycle_event || process.ppid === parent) return;
    clearInterval(watch);
    passOnce('SIGTERM');
  }, PARENT_EVERY_MS);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${child.spawnfile} does not run: ${error.message}`)));
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  }).finally(() => {
    clearInterval(watch);
    for (const signal of SIGNALS) process.off(signal, passOnce);
  });
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
