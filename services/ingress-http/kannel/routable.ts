// Whether any provider may take a number at all: Kannel knows that before it answers. Everything else about routes is the
// router's, later.
import type { Config } from '#shared/config/schema.ts';

type Rules = Pick<Config['providers'][string], 'allow' | 'deny'>;

/** By the prefixes of all providers; a number that one of them could take counts as routable. */
export function routable(providers: Config['providers']): (e164: string) => boolean {
  const rules: Rules[] = Object.values(providers);
  if (rules.some(({ allow, deny }) => !allow?.prefixes && !deny?.prefixes)) return () => true;
  return (e164) => rules.some((rule) => mayTake(rule, e164));
}

function mayTake({ allow, deny }: Rules, e164: string): boolean {
  const begins = (prefix: string) => e164.startsWith(prefix);
  if (allow?.prefixes?.some(begins)) return true;
  return deny?.prefixes ? !deny.prefixes.some(begins) : !allow?.prefixes;
}
