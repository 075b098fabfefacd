// Finds RabbitMQ's own program on this host, and the Erlang programs beside it.
import { accessSync, constants, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export type Program = {
  /** The real `rabbitmq-server` script. */
  server: string;
  erl: string;
  epmd: string;
  /** A search path on which the script finds `erl`. */
  path: string;
  /** As the folder's name tells it, such as 3.10.8; empty when it does not. */
  version: string;
};

const MORE_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const LIBRARY = '/usr/lib/rabbitmq/lib';

/** RabbitMQ and Erlang on this host, undefined when one of them is missing. */
export function findProgram(): Program | undefined {
  const folders = [...new Set([...(process.env.PATH ?? '').split(':').filter(Boolean), ...MORE_FOLDERS])];
  const server = [...folders, ...libraryFolders()].map((folder) => realServer(folder)).find(Boolean);
  const erl = firstIn(folders, 'erl');
  const epmd = firstIn(erl ? [...folders, dirname(realpathSync(erl))] : folders, 'epmd');
  if (!server || !erl || !epmd) return undefined;
  const version = /rabbitmq_server-([\d.]+)/.exec(server)?.[1] ?? '';
  return { server, erl, epmd, path: folders.join(':'), version };
}

/** Where packages and archives put RabbitMQ, the newest version first. */
function libraryFolders(): string[] {
  const newestFirst = (a: string, b: string) => b.localeCompare(a, undefined, { numeric: true });
  const inLibrary = list(LIBRARY).filter((name) => name.startsWith('rabbitmq_server-'));
  const inOpt = list('/opt').filter((name) => name.startsWith('rabbitmq'));
  return [
    ...inLibrary.sort(newestFirst).map((name) => join(LIBRARY, name, 'sbin')),
    ...inOpt.sort(newestFirst).map((name) => join('/opt', name, 'sbin')),
  ];
}

/**
 * The program in this folder, if it is the real one. Debian's and Red Hat's /usr/sbin/rabbitmq-server is a wrapper that
 * refuses ordinary users and changes user for root; the real script has `rabbitmq-env`, which it reads, beside it.
 */
function realServer(folder: string): string | undefined {
  const found = firstIn([folder], 'rabbitmq-server');
  const real = found && realpathSync(found);
  if (!real || basename(real) !== 'rabbitmq-server') return undefined;
  return firstIn([dirname(real)], 'rabbitmq-env') && real;
}

export function firstIn(folders: readonly string[], name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
