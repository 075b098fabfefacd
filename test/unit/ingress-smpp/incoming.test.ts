// A message from a handset as deliver_sm: addresses, alphabets, and where the text stands.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Callback, IncomingMessage } from '#shared/messages/callback.ts';
import { newId } from '#shared/messages/id.ts';
import { codingOf, textOf } from '#shared/smpp/coding.ts';
import { incomingFields } from '../../../services/ingress-smpp/incoming.ts';

const fields = (message: IncomingMessage, given = '+447700900123', from = '12345') => {
  const values = { ...{ to: given, given, from, provider: 'p', providerId: '', text: '' }, account: '', meta: '' };
  const head = { ...{ v: 1, type: 'callback', callback: 1, tries: 0, id: newId(), client: 'c' }, at: 0, dlrType: 0 };
  return incomingFields({ ...head, type: 'callback', url: 'smpp:', values, incoming: message } as Callback, message);
};

test('from the handset to the number; a name has its own type', () => {
  expect(fields({ text: 'x' })).toMatchObject({
    ...{ source_addr_ton: 1, source_addr_npi: 1, source_addr: '447700900123' },
    ...{ dest_addr_ton: 2, dest_addr_npi: 1, destination_addr: '12345', esm_class: 0 },
  });
  expect(fields({ text: 'x' }, 'Lottery')).toMatchObject({ source_addr_ton: 5, source_addr_npi: 0 });
});

test('whatever the text is, a client that reads the standard has it again', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '€', '@', 'Ж', '😀', ' '), maxLength: 400 }), (text) => {
      const { data_coding: coding, short_message: short, message_payload: payload } = fields({ text });
      const octets = (payload ?? short) as Buffer;
      expect(payload === undefined).toBe(octets.length <= 254);
      expect(textOf(octets, codingOf(coding as number)!.alphabet)).toBe(text);
    }),
  );
});

test('octets stay octets', () => {
  expect(fields({ text: '\x00\xff', encoding: 'binary' })).toMatchObject({
    data_coding: 4,
    short_message: Buffer.of(0, 255),
  });
});
