// The certificate and key of a listener, from the PEM files that its `tls` names: read, judged, and followed when the files
// change, so that a renewed certificate needs no restart.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { resolve } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { ListenerTls } from '../config/tls.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';

export type Pems = { cert: string; key: string; minVersion?: ListenerTls['minVersion']; ciphers?: string };

const LOOK_EVERY_MS = 5_000;
/** OpenSSL's own bar keeps old versions out whatever the minimum says. */
const OLD_CIPHERS = 'DEFAULT:@SECLEVEL=0';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Reads both files, relative to `dir`; throws one line that names the setting. `listener` is its name below `listen`; when
 * its certificate ends becomes a metric.
 */
export function readPems(listener: string, tls: ListenerTls | undefined, dir: string): Pems | undefined {
  if (!tls) return undefined;
  const setting = `listen.${listener}.tls`;
  const cert = readPem(`${setting}.cert`, tls.cert, dir);
  const key = readPem(`${setting}.key`, tls.key, dir);
  const [leaf] = chainOf(cert, `${setting}.cert`);
  requireKey(leaf!, key, `${setting}.key`);
  metrics.certificateExpiry.labels(listener).set(Date.parse(leaf!.validTo) / 1_000);
  const old = tls.minVersion === 'TLSv1' || tls.minVersion === 'TLSv1.1';
  return { cert, key, minVersion: tls.minVersion, ...(old ? { ciphers: OLD_CIPHERS } : {}) };
}

/** Calls `apply` when the files have changed; wrong ones are logged, and what was read before stays. Returns its end. */
export function followPems(
  listener: string,
  tls: ListenerTls | undefined,
  { dir, log }: { dir: string; log: Log },
  apply: (pems: Pems) => void,
): () => void {
  if (!tls) return () => {};
  const files = [tls.cert, tls.key].map((file) => resolve(dir, file));
  const look = () => {
    try {
      apply(readPems(listener, tls, dir)!);
      log.info({ listener }, 'the certificate was read anew');
    } catch (error) {
      // Between the two files of a renewal they do not fit each other: the second change comes.
      log.error({ listener, reason: reasonOf(error) }, 'the changed certificate cannot be used, the old one stays');
    }
  };
  for (const file of files) watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, look);
  return () => {
    for (const file of files) unwatchFile(file, look);
  };
}

/**
 * What is wrong with a listener's files, for `hermod check`: what readPems throws, or a chain that clients cannot follow
 * to an authority: its last certificate must be self-signed, or issued by an authority of this host or of `tls.ca`.
 */
export function pemsFault(listener: string, tls: ListenerTls, dir: string): string | undefined {
  try {
    const { cert } = readPems(listener, tls, dir)!;
    const chain = chainOf(cert, '');
    const wrong = chain.findIndex((one, i) => i + 1 < chain.length && !isIssued(one, chain[i + 1]!));
    const setting = `listen.${listener}.tls.cert`;
    if (wrong !== -1)
      return `${setting}: certificate ${wrong + 1} of the file is not issued by the next one: order them`;
    const last = chain.at(-1)!;
    const authorities = tls.ca ? chainOf(readPem(`listen.${listener}.tls.ca`, tls.ca, dir), '') : publicAuthorities();
    if (isIssued(last, last) || authorities.some((authority) => isIssued(last, authority))) return undefined;
    const issuer = last.issuer.replaceAll('\n', ', ');
    return `${setting}: the chain ends before its authority: append the certificate of "${issuer}", or name the file of a private authority in tls.ca`;
  } catch (error) {
    return reasonOf(error);
  }
}

function readPem(setting: string, file: string, dir: string): string {
  try {
    return readFileSync(resolve(dir, file), 'utf8');
  } catch (error) {
    throw new Error(`${setting}: ${reasonOf(error)}`);
  }
}

function chainOf(pem: string, setting: string): X509Certificate[] {
  try {
    const chain = (pem.match(CERTIFICATE) ?? [pem]).map((one) => new X509Certificate(one));
    return chain;
  } catch (error) {
    throw new Error(`${setting}: no certificate in PEM form (${reasonOf(error)})`);
  }
}

function requireKey(leaf: X509Certificate, key: string, setting: string): void {
  let fits: boolean;
  try {
    fits = leaf.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new Error(`${setting}: no private key in PEM form (${reasonOf(error)})`);
  }
  if (!fits) throw new Error(`${setting}: this is not the key of the certificate`);
}

const isIssued = (one: X509Certificate, issuer: X509Certificate) =>
  one.checkIssued(issuer) && one.verify(issuer.publicKey);

const publicAuthorities = () =>
  [...getCACertificates('bundled'), ...getCACertificates('system')].map((pem) => new X509Certificate(pem));
