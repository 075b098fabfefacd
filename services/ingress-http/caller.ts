// Who calls, for the doors that read it from the Authorization header: a key, or a client's name and password.
import { refuse } from '#shared/doors/accept.ts';
import { denialOf, type Verified } from '#shared/doors/credentials.ts';
import { isKey } from '#shared/doors/keys.ts';
import type { Means } from './mounted.ts';

/** What a request presents. A key needs no name. */
export type Presented = { name?: string; secret: string };

const NOTHING_PRESENTED = { detail: 'there is neither a name and a password nor a key' };

/** `Basic …` or `Bearer KEY`; undefined for anything else. */
export function presentedIn(header: string | undefined): Presented | undefined {
  const [, scheme, value] = /^(\S{1,16}) +(\S{1,1024})$/.exec(header ?? '') ?? [];
  if (value === undefined) return undefined;
  switch (scheme!.toLowerCase()) {
    case 'bearer':
      return { secret: value };
    case 'basic': {
      const pair = Buffer.from(value, 'base64').toString();
      const colon = pair.indexOf(':');
      return colon === -1 ? undefined : { name: pair.slice(0, colon), secret: pair.slice(colon + 1) };
    }
    default:
      return undefined;
  }
}

/** The client, or undefined, also when it may not call from this address: that is noted. A key opens its client whatever the name. */
export async function verify(
  presented: Presented | undefined,
  address: string,
  { credentials, keys, config }: Pick<Means, 'credentials' | 'keys' | 'config'>,
  fields: string[] = [],
): Promise<Verified | undefined> {
  const no = (name?: string, verified?: Verified) => {
    const denial = presented ? denialOf(name, verified !== undefined, config.clients) : NOTHING_PRESENTED;
    refuse('http', 'authorization', address, verified?.name, { fields, ...denial });
    return undefined;
  };
  if (!presented) return no();
  const { name, secret } = presented;
  const byKey = isKey(secret) ? keys(secret) : undefined;
  const verified = byKey ?? (name === undefined ? undefined : await credentials.verify(name, secret, address));
  return verified && credentials.allows(verified, address) ? verified : no(name, verified);
}
