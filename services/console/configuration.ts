// The configuration: which services run and with which one, whether the file is right, and what stands in it that was not
// there when the console started. Names of settings only: a value may be a secret.
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { parse } from 'yaml';
import type { Bus } from '#shared/bus/bus.ts';
import type { NewsOf } from '#shared/bus/health.ts';
import { ConfigError, loadConfig, markOf } from '#shared/config/load.ts';
import { reasonOf } from '#shared/telemetry/log.ts';

/** A service speaks every five seconds: one that is silent for so long is gone. */
const SILENT_MS = 16_000;
const MOST_INSTANCES = 1_000;
const MOST_CHANGES = 200;
const MOST_DEPTH = 20;

export type Change = { path: string; how: 'added' | 'removed' | 'changed' };

export async function addConfiguration(scope: FastifyInstance, bus: Bus, file: string): Promise<void> {
  const heard = new Map<string, { item: NewsOf<'service'>; at: number }>();
  await bus.listen((item) => {
    if (item.kind !== 'service') return;
    const key = `${item.service} ${item.instance}`;
    heard.delete(key);
    heard.set(key, { item, at: performance.now() });
    if (heard.size > MOST_INSTANCES) heard.delete(heard.keys().next().value!);
  });
  const atStart = textOf(file);
  let judged: { mark: string; fault?: string } | undefined;

  scope.get('/configuration', { config: { byItself: true } }, () => {
    for (const [key, { at }] of heard) if (performance.now() - at > SILENT_MS) heard.delete(key);
    const now = textOf(file);
    const mark = now === undefined ? 'unreadable' : markOf(now);
    if (judged?.mark !== mark) judged = { mark, ...faultOf(file) };
    return {
      file: { name: file, readable: now !== undefined, ...judged },
      services: [...heard.values()]
        .map(({ item: { kind: _kind, ...service } }) => service)
        .sort((a, b) => a.service.localeCompare(b.service) || a.startedAt - b.startedAt),
      changes: atStart === undefined || now === undefined ? [] : changesBetween(atStart, now).slice(0, MOST_CHANGES),
    };
  });
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** As `hermod check` says it: lines with their places, and no values. */
function faultOf(file: string): { fault?: string } {
  try {
    loadConfig(file);
    return {};
  } catch (error) {
    return { fault: error instanceof ConfigError ? error.message : reasonOf(error) };
  }
}

/** The settings in which two files differ, by their paths. A file that is no YAML has none. */
export function changesBetween(before: string, after: string): Change[] {
  const [old, fresh] = [leavesOf(before), leavesOf(after)];
  const changes: Change[] = [];
  for (const [path, value] of fresh)
    if (old.get(path) !== value) changes.push({ path, how: old.has(path) ? 'changed' : 'added' });
  for (const path of old.keys()) if (!fresh.has(path)) changes.push({ path, how: 'removed' });
  return changes.sort((a, b) => a.path.localeCompare(b.path));
}

function leavesOf(text: string): Map<string, string> {
  const leaves = new Map<string, string>();
  const walk = (value: unknown, path: string, depth: number): void => {
    if (value !== null && typeof value === 'object' && depth < MOST_DEPTH && Object.keys(value).length > 0)
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key, depth + 1);
    else leaves.set(path, JSON.stringify(value) ?? '');
  };
  try {
    walk(parse(text, { logLevel: 'error' }), '', 0);
  } catch {
    // Half written, perhaps: its fault is shown beside.
  }
  return leaves;
}
