// Builds the image's root file system in a folder, without a container engine, by carrying out deploy/Dockerfile: for
// tests, and for whoever packs Hermod in another way. Knows the few instructions that this Dockerfile has.
//   node deploy/rootfs.ts FOLDER
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
/** `node` in the image is the one that runs us, whatever the host has. */
const OWN_NODE = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };

export type Image = {
  /** Of the last stage. `user` is uid and gid. */
  dir: string;
  workdir: string;
  env: Record<string, string>;
  labels: Record<string, string>;
  user: [uid: number, gid: number];
  entrypoint: string[];
  cmd: string[];
  healthcheck: string[];
  stopSignal: string;
  ports: number[];
};

type Instruction = { word: string; rest: string };

/** The instructions of a Dockerfile, in order, continued lines joined. */
export function instructionsOf(text: string): Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
      if (!word || rest === undefined) throw new Error(`deploy/Dockerfile: not understood: ${line}`);
      return { word, rest };
    });
}

/** Carries out deploy/Dockerfile below `folder`, which must be new or empty; the image is its last stage. */
export function buildImage(folder: string, say: (line: string) => void = () => {}): Image {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const stages = new Map<string, Image>();
  const args: Record<string, string> = {};
  let image: Image | undefined;
  for (const { word, rest } of instructionsOf(readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8'))) {
    say(`${word} ${rest}`);
    if (word === 'FROM') {
      const name = / AS (\S+)$/.exec(rest)?.[1] ?? 'image';
      image = emptyImage(join(folder, name));
      stages.set(name, image);
    } else carryOut({ word, rest }, image!, stages, args);
  }
  close(image!.dir);
  return image!;
}

/** The base image has Node as /usr/local/bin/node: so has this, the Node that runs us. */
function emptyImage(dir: string): Image {
  mkdirSync(join(dir, 'usr/local/bin'), { recursive: true });
  mkdirSync(join(dir, 'etc'), { recursive: true });
  cpSync(process.execPath, join(dir, 'usr/local/bin/node'), { dereference: true });
  const nothing = { env: {}, labels: {}, entrypoint: [], cmd: [], healthcheck: [], ports: [] };
  return { dir, workdir: '/', user: [0, 0], stopSignal: 'SIGTERM', ...nothing };
}

function carryOut({ word, rest }: Instruction, image: Image, stages: Map<string, Image>, args: typeof image.env): void {
  const here = join(image.dir, image.workdir);
  switch (word) {
    case 'WORKDIR':
      image.workdir = rest;
      mkdirSync(join(image.dir, rest), { recursive: true });
      return;
    case 'COPY':
      copy(rest, here, stages);
      return;
    case 'RUN':
      execFileSync('/bin/sh', ['-c', rest], { cwd: here, env: OWN_NODE, stdio: ['ignore', 'ignore', 'inherit'] });
      return;
    case 'ARG':
      Object.assign(args, pairs(rest));
      return;
    case 'ENV':
      Object.assign(image.env, pairs(rest));
      return;
    case 'LABEL':
      for (const [key, value] of Object.entries(pairs(rest)))
        image.labels[key] = value.replaceAll(/\$\{(\w+)\}/g, (_all, name: string) => args[name] ?? '');
      return;
    case 'USER':
      image.user = rest.split(':').map(Number) as [number, number];
      return;
    case 'EXPOSE':
      image.ports = rest.split(' ').map(Number);
      return;
    case 'STOPSIGNAL':
      image.stopSignal = rest;
      return;
    case 'HEALTHCHECK':
      image.healthcheck = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4));
      return;
    case 'ENTRYPOINT':
      image.entrypoint = JSON.parse(rest);
      return;
    case 'CMD':
      image.cmd = JSON.parse(rest);
      return;
    default:
      throw new Error(`deploy/Dockerfile: ${word} is not among what deploy/rootfs.ts knows`);
  }
}

const pairs = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)].map(([, key, a, b]) => [key!, a ?? b!]));

/** From another stage by its absolute path, else from the project, as far as deploy/Dockerfile.dockerignore lets it. */
function copy(rest: string, here: string, stages: Map<string, Image>): void {
  const [, stage, list] = /^(?:--from=(\S+) )?(.*)$/.exec(rest)!;
  const names = list!.split(' ');
  const to = join(here, names.pop()!);
  for (const name of names) {
    if (!stage && !sentToBuild().has(name))
      throw new Error(`COPY ${name}: deploy/Dockerfile.dockerignore keeps it away`);
    const from = stage ? join(stages.get(stage)!.dir, name) : join(ROOT, name);
    cpSync(from, names.length > 1 || rest.endsWith('/') ? join(to, basename(name)) : to, { recursive: true });
  }
}

function sentToBuild(): Set<string> {
  const lines = readFileSync(join(ROOT, 'deploy/Dockerfile.dockerignore'), 'utf8').trim().split('\n');
  if (lines[0] !== '*')
    throw new Error('deploy/Dockerfile.dockerignore must begin with *: what is not named stays away');
  return new Set(lines.slice(1).map((line) => line.replace(/^!/, '')));
}

/** Readable for all, writable for nobody but root: what a read-only root file system and the USER leave. */
function close(path: string): void {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return;
  chmodSync(path, found.isDirectory() || found.mode & 0o111 ? 0o555 : 0o444);
  if (found.isDirectory()) for (const name of readdirSync(path)) close(join(path, name));
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (!folder) {
    process.stderr.write('node deploy/rootfs.ts FOLDER\n');
    process.exit(2);
  }
  const { dir } = buildImage(resolve(folder), (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(`the root file system is in ${dir}\n`);
}
