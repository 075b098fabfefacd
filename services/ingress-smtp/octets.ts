// What must not stand in a mail on the wire. RFC 5321, 2.3.8: CR and LF only together; a server that takes them alone
// can be made to see two mails where another sees one (SMTP smuggling).
const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

/** What is wrong with the octets between DATA and the final dot, or undefined. */
export function faultOf(octets: Uint8Array): string | undefined {
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet > CR) continue;
    if (octet === LF && octets[i - 1] !== CR) return 'it has a line feed without a carriage return';
    if (octet === CR && octets[i + 1] !== LF) return 'it has a carriage return without a line feed';
    if (octet === NUL) return 'it has a NUL octet';
  }
  return undefined;
}
