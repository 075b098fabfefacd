// A deliver_sm that is a message from a handset: its text in every alphabet, its part, and octets that nobody promised.
import fc from 'fast-check';
import type { PDU } from 'smpp';
import { expect, test } from 'vitest';
import { encodeGsm7 } from '#shared/sms/gsm7.ts';
import { concatUdh, toUcs2 } from '#shared/sms/segments.ts';
import { readUdh } from '#shared/sms/udh.ts';
import { incomingOf } from '../../../services/egress-smpp/incoming.ts';

const pdu = (fields: Record<string, unknown>) =>
  ({
    source_addr: '447700900123',
    destination_addr: '12345',
    short_message: Buffer.alloc(0),
    ...fields,
  }) as unknown as PDU;
const read = (fields: Record<string, unknown>) => incomingOf(pdu(fields), 'main', 1_790_000_000_000);

test.each([
  ['the default alphabet', { data_coding: 0, short_message: encodeGsm7('STOP @ €') }, 'STOP @ €', 'gsm7'],
  ['Latin-1', { data_coding: 3, short_message: Buffer.from('Grüße', 'latin1') }, 'Grüße', 'latin1'],
  ['UCS-2', { data_coding: 8, short_message: toUcs2('При 👍') }, 'При 👍', 'ucs2'],
  ['message_payload', { data_coding: 8, message_payload: toUcs2('long') }, 'long', 'ucs2'],
  ['octets that the alphabet has not', { data_coding: 0, short_message: Buffer.from([0xe4]) }, 'ä', 'binary'],
  ['a data_coding that nobody knows', { data_coding: 0x7b, short_message: Buffer.from('x') }, 'x', 'binary'],
])('%s', (_name, fields, text, encoding) => {
  expect(read(fields)).toMatchObject({ from: '447700900123', to: '12345', text, encoding });
});

test('a part by its header, and by SAR parameters', () => {
  const short_message = Buffer.concat([concatUdh(7, 3, 2), encodeGsm7('two')]);
  expect(read({ esm_class: 0x40, short_message })).toMatchObject({
    text: 'two',
    concat: { reference: 7, total: 3, part: 2 },
  });
  const sar = { sar_msg_ref_num: 400, sar_total_segments: 2, sar_segment_seqnum: 1 };
  expect(read({ short_message: encodeGsm7('one'), ...sar })).toMatchObject({
    concat: { reference: 400, total: 2, part: 1 },
  });
});

test.each([0x04, 0x08, 0x10, 0x20])('esm_class %i is another kind of answer', (esm_class) => {
  expect(read({ esm_class, short_message: Buffer.from('x') })).toBeUndefined();
});

test('two messages are two, whatever they say', () => {
  const one = { short_message: Buffer.from('x') };
  expect(read(one)!.providerId).not.toBe(read(one)!.providerId);
});

test('arbitrary octets never throw, and a header that is read again is the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 254 }), fc.nat(255), fc.boolean(), (octets, data_coding, hasHeader) => {
      const short_message = Buffer.from(octets);
      const report = read({ short_message, data_coding, esm_class: hasHeader ? 0x40 : 0 });
      expect(report!.text.isWellFormed()).toBe(true);
      const header = readUdh(short_message);
      if (header) expect(Buffer.concat([header.udh, header.rest])).toEqual(short_message);
    }),
  );
});
