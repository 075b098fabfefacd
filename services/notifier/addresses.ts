// Where a callback may go: to public addresses, and to what the configuration allows. Whoever can name a dlr-url could
// otherwise reach into the gateway's own network. The judgement falls on the address that is really connected to.
import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { networksOf } from '#shared/doors/networks.ts';

/** Why a call must not be made; the same call will never be allowed, so it is not repeated. */
export class Refused extends Error {
  override name = 'Refused';
}

/** Special-purpose addresses (IANA registries of RFC 6890), with the word for each. The first that fits counts. */
const SPECIAL: readonly [word: string, networks: string[]][] = [
  ['a cloud metadata address', ['169.254.169.254', '169.254.170.2', '100.100.100.200', 'fd00:ec2::/32']],
  ['a loopback address', ['127.0.0.0/8', '::1']],
  ['an unspecified address', ['0.0.0.0/8', '::']],
  ['a link-local address', ['169.254.0.0/16', 'fe80::/10']],
  ['a private address', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10']],
  ['a carrier-grade NAT address', ['100.64.0.0/10']],
  ['a multicast or broadcast address', ['224.0.0.0/4', '255.255.255.255', 'ff00::/8']],
  [
    'a reserved address',
    ['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24']
      .concat(['240.0.0.0/4', '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32'])
      .concat(['2002::/16', '3fff::/20', '5f00::/16']),
  ],
];
const CLASSES = SPECIAL.map(([word, networks]) => ({ word, has: networksOf(networks) }));

export type AddressRule = {
  /** Throws Refused when the host is an address that calls may not go to. Names are judged by `lookup`. */
  check(host: string): void;
  /** dns.lookup for the connection itself: gives only addresses that calls may go to, and fails with Refused without any. */
  lookup: LookupFunction;
  /** For calls through a proxy, which resolves for itself: rejects when the name has only forbidden addresses here. */
  checkName(host: string): Promise<void>;
};

type Found = (error: Error | null, addresses: dns.LookupAddress[]) => void;
type Resolve = (host: string, done: Found) => void;
const systemResolve: Resolve = (host, done) => dns.lookup(host, { all: true }, done);

/** `allow`: host names, addresses and networks, as in the configuration. */
export function openAddressRule(allow: readonly string[], resolve: Resolve = systemResolve): AddressRule {
  const isNetwork = (place: string) => isIP(place.split('/')[0]!) !== 0;
  const names = new Set(allow.filter((place) => !isNetwork(place)));
  const allowed = networksOf(allow.filter(isNetwork));
  const specialOf = (address: string): string | undefined => {
    if (allowed(address)) return undefined;
    // In its IPv6 form an IPv4 address has no business in a URL or in the DNS.
    if (/^::ffff:/i.test(address)) return 'an IPv4 address in IPv6 form';
    return CLASSES.find(({ has }) => has(address))?.word;
  };
  const refused = (host: string, address: string, special: string) => {
    const where = host === address ? host : `${host} (${address})`;
    return new Refused(`${where} is ${special}: allow it in callbacks.allow if calls may go there`);
  };

  // One look-up per name at a time: the system's resolver has four threads, and a dead name would take them all.
  const underWay = new Map<string, Found[]>();
  function addressesOf(host: string, done: Found): void {
    const waiting = underWay.get(host);
    if (waiting) {
      waiting.push(done);
      return;
    }
    const all = [done];
    underWay.set(host, all);
    resolve(host, (error, found = []) => {
      underWay.delete(host);
      const fit = names.has(host) ? found : found.filter(({ address }) => specialOf(address) === undefined);
      const [first] = found;
      const none = first && fit.length === 0 ? refused(host, first.address, specialOf(first.address)!) : null;
      for (const each of all) each(error ?? none, fit);
    });
  }

  return {
    check(host) {
      const special = isIP(host) === 0 ? undefined : specialOf(host);
      if (special !== undefined) throw refused(host, host, special);
    },
    lookup(host, options, done) {
      addressesOf(host, (error, addresses) => {
        const [first] = addresses;
        if (error || !first) done(error ?? new Error(`${host} has no address`), '', 0);
        else if (options.all) done(null, addresses);
        else done(null, first.address, first.family);
      });
    },
    checkName: (host) =>
      new Promise((done, fail) => {
        if (isIP(host) !== 0) return done();
        addressesOf(host, (error) => (error instanceof Refused ? fail(error) : done()));
      }),
  };
}
