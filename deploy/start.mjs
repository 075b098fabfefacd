// What `npm start`, `npm test` and `npm run bench` run, on any Node from 18: brings node_modules in line with
// package-lock.json, then runs the asked-for program on the project's own Node 24.
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

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.hermod-lock');
const NODE_MAJOR = 24;
const SAME_SIGNAL_MS = 1_000;
const PARENT_EVERY_MS = 500;
const ENTRIES = { test: 'test/run.ts', bench: 'test/load/bench.ts' };
const END_WITH_US =
  "data:text/javascript,process.channel?.unref();process.once('disconnect',()=>process.kill(process.pid,'SIGTERM'))";

const [mode, ...rest] = process.argv.slice(2);
const entry = Object.hasOwn(ENTRIES, mode ?? '') ? ENTRIES[mode] : undefined;
try {
  await installLocked();
  const args = [
    '--import',
    END_WITH_US,
    join(ROOT, entry ?? 'deploy/one-box.ts'),
    ...(entry ? rest : process.argv.slice(2)),
  ];
  const path = [join(MODULES, '.bin'), process.env.PATH].join(delimiter);
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
  process.exitCode = await run(projectNode(), args, { stdio, env: { ...process.env, PATH: path } });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode ||= 1;
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
  writeFileSync(STAMP, stamp);
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
  const code = await run(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: ROOT }, (text) => {
    output += text;
  }).finally(() => clearInterval(progress));
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  if (code === 0) return void process.stdout.write(`Installed after ${seconds()} s.\n`);
  process.exitCode = code;
  throw new Error(`${output.trimEnd()}\nnpm ci failed after ${seconds()} s (exit code ${code}); nothing was started.`);
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

/** Resolves with the exit code of a program that gets our signals, 128 + number when a signal ended it. */
function run(command, args, options, onOutput = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, detached: true });
    child.stdout?.setEncoding('utf8').on('data', onOutput);
    child.stderr?.setEncoding('utf8').on('data', onOutput);
    let passedOn = -SAME_SIGNAL_MS;
    const pass = (signal) => {
      if (performance.now() - passedOn < SAME_SIGNAL_MS) return;
      passedOn = performance.now();
      child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    // npm puts a shell between itself and us, which dies of the SIGTERM that npm sends it, and npm itself may be killed.
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (!process.env.npm_lifecycle_event || process.ppid === parent) return;
      clearInterval(watch);
      pass('SIGTERM');
    }, PARENT_EVERY_MS);
    const done = () => {
      clearInterval(watch);
      for (const signal of signals) process.off(signal, pass);
    };
    child.once('error', (error) => {
      done();
      reject(new Error(`${command} does not run: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      done();
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
