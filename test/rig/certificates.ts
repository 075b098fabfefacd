// An authority and certificates for a test, made in memory: X.509 in DER (RFC 5280) with P-256 keys, since Node's crypto
// reads certificates but does not write them, and not every host has openssl.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export type Issued = { cert: string; key: string };
export type Authority = {
  /** PEM. */
  ca: string;
  /** A certificate for these host names and IPv4 addresses. */
  issue(...names: string[]): Issued;
};

const der = (tag: number, ...contents: Buffer[]): Buffer => {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  return Buffer.concat([Buffer.of(tag, 0x82, body.length >> 8, body.length & 0xff), body]);
};
const sequence = (...items: Buffer[]) => der(0x30, ...items);
const oid = (...octets: number[]) => der(0x06, Buffer.of(...octets));
const octets = (content: Buffer) => der(0x04, content);
const bits = (content: Buffer) => der(0x03, Buffer.of(0), content);
const TRUE = der(0x01, Buffer.of(0xff));

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const ALTERNATIVE_NAMES = oid(0x55, 0x1d, 0x11);

const named = (name: string) => sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))));
/** UTCTime, YYMMDDhhmmssZ. */
const time = (ms: number) => der(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/\D/g, '')}Z`));
const pem = (content: Buffer) =>
  `-----BEGIN CERTIFICATE-----\n${content.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

function certificate(subject: string, key: KeyObject, issuer: string, issuerKey: KeyObject, extension: Buffer): string {
  const now = Date.now();
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, Buffer.of(1), randomBytes(8)),
    ECDSA_SHA256,
    named(issuer),
    sequence(time(now - 3_600_000), time(now + 24 * 3_600_000)),
    named(subject),
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  return pem(sequence(signed, ECDSA_SHA256, bits(sign('sha256', signed, issuerKey))));
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A new authority; its certificates hold for a day. */
export function newAuthority(name = 'Test authority'): Authority {
  const own = newKeys();
  const isAuthority = sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence(TRUE)));
  return {
    ca: certificate(name, own.publicKey, name, own.privateKey, isAuthority),
    issue(...names) {
      const { publicKey, privateKey } = newKeys();
      const alternatives = names.map((each) =>
        isIPv4(each) ? der(0x87, Buffer.of(...each.split('.').map(Number))) : der(0x82, Buffer.from(each)),
      );
      const extension = sequence(ALTERNATIVE_NAMES, octets(sequence(...alternatives)));
      return {
        cert: certificate(names[0] ?? 'nobody', publicKey, name, own.privateKey, extension),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      };
    },
  };
}
