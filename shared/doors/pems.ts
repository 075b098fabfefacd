// The certificate and key of a listener, from the PEM files that its `tls` names.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';

export type Pems = { cert: string; key: string };

/**
 * Reads both files, relative to `dir`; throws one line that names the setting. `listener` is its name below `listen`; when
 * its certificate ends becomes a metric.
 */
export function readPems(listener: string, tls: Pems | undefined, dir: string): Pems | undefined {
  if (!tls) return undefined;
  const read = (what: keyof Pems) => {
    try {
      return readFileSync(resolve(dir, tls[what]), 'utf8');
    } catch (error) {
      throw new Error(`listen.${listener}.tls.${what}: ${reasonOf(error)}`);
    }
  };
  const pems = { cert: read('cert'), key: read('key') };
  metrics.certificateExpiry.labels(listener).set(endOf(pems.cert, `listen.${listener}.tls.cert`));
  return pems;
}

/** Seconds since 1970. */
function endOf(pem: string, setting: string): number {
  try {
    return Date.parse(new X509Certificate(pem).validTo) / 1_000;
  } catch (error) {
    throw new Error(`${setting}: no certificate in PEM form (${reasonOf(error)})`);
  }
}
