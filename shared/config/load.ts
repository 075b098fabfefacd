// Reads and checks the configuration file. Every fault is one line: file, line, what is wrong, what to write instead.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { httpFault } from './bearers/http.ts';
import { scriptsFault } from './bearers/script.ts';
import { consoleFault } from './console.ts';
import { incomingFault } from './incoming.ts';
import { mailFault } from './mail.ts';
import { meantKey } from './meant.ts';
import { routesFault } from './routes.ts';
import { type Config, schema } from './schema.ts';

/** A fault in the configuration, for the person who wrote it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** `mark` stands for the file's text. */
export type Loaded = { config: Config; file: string; dir: string; mark: string };

/** Tells texts of configuration files apart without showing them. */
export const markOf = (text: string) => hash('sha256', text).slice(0, 12);

/** Reads `file`, fills `${NAME}` from `env` and `${file:…}` from disk, and checks it. Throws ConfigError. */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Loaded {
  const path = resolve(file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new ConfigError(`${file}: ${why}`);
  }
  return { config: parseConfig(text, file, env), file: path, dir: dirname(path), mark: markOf(text) };
}

export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, logLevel: 'error' });
  const fault = document.errors[0];
  if (fault) throw new ConfigError(`${file}:${fault.linePos?.[0].line ?? 1}: ${fault.message.split('\n')[0]}`);
  fillSecrets(document, file, lines, env);
  const content = contentOf(document, file);
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw new ConfigError(describe(parsed.error.issues, content, document, file, lines));
  checkNames(parsed.data, document, file, lines);
  return parsed.data;
}

/** Aliases may name nothing, or multiply without end: YAML's reader refuses both, and does not say where. */
function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw new ConfigError(`${file}:1: an alias (*name) cannot be used: ${(error as Error).message}`);
  }
}

const lineOf = (node: unknown, lines: LineCounter) => {
  const start = (node as Node | undefined)?.range?.[0];
  return start === undefined ? 1 : lines.linePos(start).line;
};

function fillSecrets(document: Document, file: string, lines: LineCounter, env: NodeJS.ProcessEnv): void {
  visit(document, {
    Pair(_key, { key }) {
      // No object can have this key as its own, so no check behind this one would see it.
      if (isScalar(key) && key.value === '__proto__')
        throw new ConfigError(`${file}:${lineOf(key, lines)}: __proto__: no such setting`);
    },
    Scalar(_key, node) {
      if (typeof node.value !== 'string' || !node.value.includes('${')) return;
      node.value = node.value.replaceAll(/\$\{([^}]*)\}/g, (_all, what: string) => {
        const at = `${file}:${lineOf(node, lines)}`;
        if (what.startsWith('file:')) {
          const path = resolve(dirname(file), what.slice('file:'.length));
          try {
            return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
          } catch {
            throw new ConfigError(`${at}: the secret's file ${path} cannot be read`);
          }
        }
        const value = env[what];
        if (value === undefined)
          throw new ConfigError(`${at}: the environment has no ${what}: set it before the start`);
        return value;
      });
    },
  });
}

/** One line per fault. Values are never repeated: they may be secrets. */
function describe(
  issues: readonly z.core.$ZodIssue[],
  content: unknown,
  document: Document,
  file: string,
  lines: LineCounter,
): string {
  return issues
    .flatMap((issue) => {
      const node = nodeAt(document, issue.path);
      const where = issue.path.join('.');
      if (issue.code !== 'unrecognized_keys')
        return [`${file}:${lineOf(node, lines)}: ${where || 'the file'}: ${explain(issue)}`];
      return issue.keys.map((key) => {
        const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
        const near = meantKey(key, issue.path, content);
        const hint = near ? `: do you mean ${near}?` : '';
        return `${file}:${lineOf(pair?.key, lines)}: ${[...issue.path, key].join('.')}: no such setting${hint}`;
      });
    })
    .join('\n');
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined) return `missing: ${issue.message}`;
  if (issue.code === 'invalid_format' || issue.code === 'invalid_union') return `must be ${issue.message}`;
  return issue.message;
}

function nodeAt(document: Document, path: readonly PropertyKey[]): Node | undefined {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth) as (string | number)[], true);
    if (node) return node as Node;
  }
  return undefined;
}

/** Names that point at other rows must exist. */
function checkNames(config: Config, document: Document, file: string, lines: LineCounter): void {
  const fail = (path: (string | number)[], message: string): never => {
    throw new ConfigError(`${file}:${lineOf(nodeAt(document, path), lines)}: ${path.join('.')}: ${message}`);
  };
  const fault =
    routesFault(config) ??
    mailFault(config) ??
    incomingFault(config) ??
    httpFault(config) ??
    scriptsFault(config) ??
    consoleFault(config);
  if (fault) fail(fault.path, fault.message);
}
