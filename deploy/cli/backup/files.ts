// Which files belong to a configuration: itself, and those that it names in its own folder. Secrets among them are told
// apart: they go into an archive of their own, or nowhere.
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { isScalar, parseDocument, visit } from 'yaml';
import { openSeal } from '../../../services/ledger/seal.ts';
import type { Line } from './archive.ts';

export type Belonging = {
  /** Relative to the configuration's folder. */
  plain: string[];
  secret: string[];
  /** Named by the configuration, and elsewhere or too large. */
  elsewhere: string[];
  /** Names in the environment. */
  environment: string[];
};

const MOST_OCTETS = 10 * 1_048_576;
/** Of PEM files and of service accounts. */
const PRIVATE = /PRIVATE KEY/;

/** Every text of the file that is the path of a file counts, whatever setting it stands in. */
export function belongingTo(config: string): Belonging {
  const folder = realpathSync(dirname(config));
  const document = parseDocument(readFileSync(config, 'utf8'));
  const found: Belonging = { plain: [basename(config)], secret: [], elsewhere: [], environment: [] };
  const add = (path: string, secret: boolean) => {
    if (!existsSync(path) || !statSync(path).isFile()) return;
    const inside = relative(folder, realpathSync(path));
    if (inside.startsWith('..') || inside.startsWith(sep) || statSync(path).size > MOST_OCTETS)
      return void found.elsewhere.push(path);
    const list = secret || PRIVATE.test(readFileSync(path, 'latin1')) ? found.secret : found.plain;
    if (![...found.plain, ...found.secret].includes(inside)) list.push(inside);
  };
  const scripts = document.getIn(['scripts', 'folder']);
  visit(document, {
    Scalar(key, node) {
      if (typeof node.value !== 'string' || key === 'key') return;
      const text = node.value;
      for (const [, what] of text.matchAll(/\$\{([^}]*)\}/g)) {
        if (what!.startsWith('file:')) add(resolve(folder, what!.slice('file:'.length)), true);
        else if (!found.environment.includes(what!)) found.environment.push(what!);
      }
      if (/^[^\n\0]{1,1024}$/.test(text)) add(resolve(folder, text), false);
    },
    Pair(_key, { key, value }) {
      const isScript = isScalar(key) && key.value === 'script' && isScalar(value);
      if (isScript && typeof scripts === 'string') add(resolve(folder, scripts, String(value.value)), false);
    },
  });
  return found;
}

export const fileLine = (folder: string, path: string): Line => {
  const whole = join(folder, path);
  return { file: path, mode: statSync(whole).mode & 0o777, base64: readFileSync(whole, 'base64') };
};

/** Where the ledger's key is when the configuration does not say it. */
export const keyFileOf = (ledger: string) => `${ledger}.key`;

/** By this a restore knows the key of a backup, which does not have it. */
export const keyCheckOf = (key: string): string => openSeal(key.trim()).hash('backup');
