// Texts and numbers at rest: AES-256-GCM and a keyed hash, with keys derived from a secret that is not in the database.
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { randomOctets } from '#shared/random.ts';

export type Seal = {
  /** Base64. `about` names the row, so that a sealed text cannot be moved to another one. */
  close(text: string, about: string): string;
  /** Throws when the key is another one, or the row is. */
  open(sealed: string, about: string): string;
  /** The same for the same number, and of no use without the key. */
  hash(number: string): string;
  /** The key of the suppression lists' marks: doors have it too. */
  marks: string;
};

const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const HASH_OCTETS = 16;
const WRITABLE_BY_OTHERS = 0o022;

export function openSeal(secret: string): Seal {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', secret, 'hermod ledger', purpose, 32));
  // Given as octets, a key is made anew for each text, which costs more than encrypting it.
  const [textKey, numberKey] = [createSecretKey(derive('texts')), createSecretKey(derive('numbers'))];
  return {
    close(text, about) {
      const iv = randomOctets(IV_OCTETS);
      const cipher = createCipheriv('aes-256-gcm', textKey, iv).setAAD(Buffer.from(about));
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
    },
    open(sealed, about) {
      const octets = Buffer.from(sealed, 'base64');
      const end = octets.length - TAG_OCTETS;
      const cipher = createDecipheriv('aes-256-gcm', textKey, octets.subarray(0, IV_OCTETS), {
        authTagLength: TAG_OCTETS,
      });
      cipher.setAAD(Buffer.from(about)).setAuthTag(octets.subarray(end));
      return cipher.update(octets.subarray(IV_OCTETS, end), undefined, 'utf8') + cipher.final('utf8');
    },
    hash: (number) =>
      createHmac('sha256', numberKey).update(number).digest().subarray(0, HASH_OCTETS).toString('base64url'),
    marks: derive('suppressed').toString('base64url'),
  };
}

/** The secret in `file`, which is written, for its owner only, when it is not there. Throws one line. */
export function secretIn(file: string): string {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new Error(`the ledger's key ${file} cannot be written: ${(error as Error).message}`);
  }
  if (statSync(file).mode & WRITABLE_BY_OTHERS)
    throw new Error(`the ledger's key ${file} can be written by others, who may know it: chmod go-w ${file}`);
  const secret = readFileSync(file, 'utf8').trim();
  if (secret.length < 32) throw new Error(`the ledger's key ${file} is shorter than 32 characters: is it cut off?`);
  return secret;
}
