// Certificates of a TLS connection that we open: read once, checked before anything is sent.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { reasonOf } from '../telemetry/log.ts';

export type PemFiles = { ca?: string | undefined; cert?: string | undefined; key?: string | undefined };
export type Pems = { ca?: Buffer; cert?: Buffer; key?: Buffer };

/** `path` names the setting, `dir` is what the files are relative to. Throws one line when a file cannot be used. */
export function readPems(path: string, files: PemFiles, dir: string): Pems {
  const pems: Pems = {};
  for (const kind of ['ca', 'cert', 'key'] as const) {
    const file = files[kind];
    if (file === undefined) continue;
    try {
      pems[kind] = readFileSync(resolve(dir, file));
    } catch (error) {
      throw new Error(`${path}.${kind}: ${reasonOf(error)}`);
    }
  }
  if ((pems.cert === undefined) !== (pems.key === undefined)) throw new Error(`${path}: cert and key belong together`);
  try {
    // A secure context takes an authority's file without complaint, whatever is in it.
    if (pems.ca) new X509Certificate(pems.ca);
    createSecureContext(pems);
  } catch (error) {
    throw new Error(`${path}: its ca, cert or key cannot be used: ${reasonOf(error)}`);
  }
  return pems;
}
