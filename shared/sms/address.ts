// SMPP addresses: type of number and numbering plan of a sender or recipient, chosen as Kannel's SMPP driver does.

export type Address = { ton: number; npi: number; addr: string };

/** SMPP 3.4, 5.2.5 and 5.2.6. */
const TON = { international: 1, national: 2, alphanumeric: 5 } as const;
const NPI = { unknown: 0, isdn: 1 } as const;

/** source_addr and destination_addr are C-octet strings of at most 21 octets with their NUL (SMPP 3.4, 4.4.1). */
const MAX_LENGTH = 20;

/**
 * The address fields of a submit_sm.
 *
 * The rule is that of Kannel 1.4.5 with its default settings (gw/smsc/smsc_smpp.c, msg_to_pdu, with
 * source-addr-autodetect on): a leading `+` is taken away and makes the number international, TON 1; digits without
 * it are TON 2, whatever they begin with, so a leading 00 stays and short codes are TON 2 too; both have NPI 1. A
 * sender that has anything but digits behind an optional `+` is alphanumeric, TON 5 and NPI 0; a destination never is.
 *
 * `fixed` is what a provider prescribes for numbers and stands for them in any form. It leaves an alphanumeric sender
 * alone. With `plus` a leading `+` stays in the address. Kannel differs where a TON is forced and the number has a `+`:
 * there the TON becomes 1 all the same.
 *
 * Throws a RangeError when the address is over 20 characters (as Kannel refuses it), is not printable ASCII (SMPP 3.4,
 * 3.1), or is an empty destination. That a handset shows only 11 characters of an alphanumeric sender is for the doors
 * to see to.
 */
export function addressOf(
  value: string,
  role: 'source' | 'destination',
  fixed: { ton?: number | undefined; npi?: number | undefined; plus?: boolean | undefined } = {},
): Address {
  const plus = value.startsWith('+');
  const number = plus ? value.slice(1) : value;
  if (role === 'source' && !/^\d*$/.test(number)) {
    return checked({ ton: TON.alphanumeric, npi: NPI.unknown, addr: value }, role);
  }
  const ton = fixed.ton ?? (plus ? TON.international : TON.national);
  return checked({ ton, npi: fixed.npi ?? NPI.isdn, addr: fixed.plus ? value : number }, role);
}

/** Both addresses of a submit_sm or deliver_sm, as its fields (SMPP 3.4, 4.4.1 and 4.6.1). */
export const addressFields = (source: Address, destination: Address) => ({
  source_addr_ton: source.ton,
  source_addr_npi: source.npi,
  source_addr: source.addr,
  dest_addr_ton: destination.ton,
  dest_addr_npi: destination.npi,
  destination_addr: destination.addr,
});

/**
 * How a recipient is handed on: in the form that was given, which decides about TON as in Kannel, unless that is national
 * or has separators; then in E.164 with a plus. `to` is E.164 without one.
 */
export const recipientForm = ({ given, to }: { given: string; to: string }): string =>
  given === to || given === `+${to}` ? given : `+${to}`;

function checked(address: Address, role: string): Address {
  const { addr } = address;
  if (addr.length > MAX_LENGTH) {
    throw new RangeError(`the ${role} address has ${addr.length} characters, SMPP allows ${MAX_LENGTH}`);
  }
  if (!/^[ -~]*$/.test(addr)) throw new RangeError(`the ${role} address has a character that is not printable ASCII`);
  if (addr === '' && role === 'destination') throw new RangeError('the destination address is empty');
  return address;
}
