// Reads a message as the handset would show it: alphabet, user data header, parts of a long message.
import { decodeGsm7 } from '#shared/sms/gsm7.ts';
import { type Submit, tag } from './pdu.ts';

export type Encoding = 'GSM-7' | 'ASCII' | 'Latin-1' | 'UCS-2' | 'binary';
/** Where a message belongs in a long one: part `number` of `total` with the sender's reference. */
export type Part = { reference: number; total: number; number: number };

const ESM_UDH = 0x40;
const IEI_CONCATENATION_8 = 0x00;
const IEI_CONCATENATION_16 = 0x08;

type Coded = Pick<Submit, 'esmClass' | 'dataCoding' | 'shortMessage' | 'tlvs'>;

/** The alphabet of a data_coding (SMPP 3.4, 5.2.19; message classes and waiting indications as in GSM 03.38, 4). */
export function encodingOf(dataCoding: number): Encoding {
  switch (dataCoding) {
    case 0x01:
      return 'ASCII';
    case 0x03:
      return 'Latin-1';
    case 0x08:
      return 'UCS-2';
    case 0x02:
    case 0x04:
      return 'binary';
  }
  if (dataCoding >= 0xf0) return (dataCoding & 0x04) === 0 ? 'GSM-7' : 'binary';
  if (dataCoding >= 0xe0) return 'UCS-2';
  if (dataCoding >= 0xc0) return 'GSM-7';
  if (dataCoding >= 0x10 && dataCoding < 0x40) {
    return (['GSM-7', 'binary', 'UCS-2', 'binary'] as const)[(dataCoding >> 2) & 0x03]!;
  }
  return dataCoding === 0 ? 'GSM-7' : 'binary';
}

/** The octets of the text, without a user data header. */
export function userData(message: Coded): Buffer {
  if ((message.esmClass & ESM_UDH) === 0 || message.shortMessage.length === 0) return message.shortMessage;
  return message.shortMessage.subarray(1 + message.shortMessage[0]!);
}

/** The text of one part; binary as hexadecimal digits. */
export function readText(message: Coded): string {
  const octets = userData(message);
  switch (encodingOf(message.dataCoding)) {
    case 'GSM-7':
      return decodeGsm7(octets);
    case 'ASCII':
    case 'Latin-1':
      return octets.toString('latin1');
    case 'UCS-2':
      return Buffer.from(octets.subarray(0, octets.length & ~1))
        .swap16()
        .toString('utf16le');
    case 'binary':
      return octets.toString('hex');
  }
}

/** The part that a message is, told by its user data header or by SAR parameters; undefined for a whole one. */
export function partOf(message: Coded): Part | undefined {
  const part = partOfHeader(message) ?? partOfSar(message);
  return part !== undefined && part.number >= 1 && part.number <= part.total ? part : undefined;
}

function partOfHeader({ esmClass, shortMessage }: Coded): Part | undefined {
  if ((esmClass & ESM_UDH) === 0 || shortMessage.length === 0) return undefined;
  const header = shortMessage.subarray(1, 1 + shortMessage[0]!);
  for (let at = 0; at + 2 <= header.length; at += 2 + header[at + 1]!) {
    const element = header.subarray(at + 2, at + 2 + header[at + 1]!);
    if (header[at] === IEI_CONCATENATION_8 && element.length === 3) {
      return { reference: element[0]!, total: element[1]!, number: element[2]! };
    }
    if (header[at] === IEI_CONCATENATION_16 && element.length === 4) {
      return { reference: element.readUInt16BE(0), total: element[2]!, number: element[3]! };
    }
  }
  return undefined;
}

function partOfSar({ tlvs }: Coded): Part | undefined {
  const reference = tlvs.get(tag.sar_msg_ref_num);
  const total = tlvs.get(tag.sar_total_segments);
  const number = tlvs.get(tag.sar_segment_seqnum);
  if (reference?.length !== 2 || total?.length !== 1 || number?.length !== 1) return undefined;
  return { reference: reference.readUInt16BE(0), total: total[0]!, number: number[0]! };
}
