// Whether an address belongs to one of the networks that the configuration names.
import { BlockList, isIP } from 'node:net';

/**
 * `networks` are addresses, CIDR networks, and IPv4 addresses with `*` in place of octets, checked by the configuration.
 * IPv4 in its IPv6 form counts as IPv4.
 */
export function networksOf(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  const patterns: RegExp[] = [];
  for (const network of networks) {
    if (network.includes('*')) {
      patterns.push(new RegExp(`^${network.replaceAll('.', '\\.').replaceAll('*', '\\d+')}$`));
      continue;
    }
    const [address, bits] = network.split('/') as [string, string | undefined];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = address.toLowerCase().startsWith('::ffff:') ? address.slice(7) : address;
    if (isIP(plain) === 0) return false;
    return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4') || patterns.some((pattern) => pattern.test(plain));
  };
}
