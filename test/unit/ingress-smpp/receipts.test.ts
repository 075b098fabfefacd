// A callback as the deliver_sm that tells it.
import { expect, test } from 'vitest';
import type { Callback } from '#shared/messages/callback.ts';
import { newId } from '#shared/messages/id.ts';
import { newPdu } from '#shared/smpp/library.ts';
import { parseReceipt } from '#shared/sms/receipt.ts';
import { toClient } from '../../../services/ingress-smpp/ids.ts';
import { receiptFields } from '../../../services/ingress-smpp/receipts.ts';

const NOW = Date.UTC(2026, 10, 22, 12, 34, 56);
const id = newId(NOW);
const callback = (dlrType: number, text: string, values: Partial<Callback['values']> = {}): Callback => ({
  v: 1,
  type: 'callback',
  callback: 1,
  tries: 0,
  id,
  client: 'c',
  at: NOW + 3_600_000,
  url: `smpp:${id}`,
  dlrType,
  values: {
    to: '447700900123',
    given: '+447700900123',
    from: '12345',
    provider: 'p',
    providerId: '77',
    text,
    account: '',
    meta: '',
    ...values,
  },
});
const receipt = (stat: string, err: string) => `id:77 sub:001 dlvrd:001 stat:${stat} err:${err} text:`;

test.each([
  [1, receipt('DELIVRD', '000'), 'DELIVRD', '000', 2, 4],
  [2, receipt('UNDELIV', '021'), 'UNDELIV', '021', 5, 4],
  [2, receipt('EXPIRED', '1'), 'EXPIRED', '001', 3, 4],
  [2, receipt('REJECTD', '0x45'), 'REJECTD', '000', 8, 4],
  [2, 'in words of its own', 'UNDELIV', '000', 5, 4],
  [4, receipt('ENROUTE', '000'), 'ENROUTE', '000', 1, 0x20],
  [4, receipt('ACCEPTD', '000'), 'ENROUTE', '000', 1, 0x20],
  [16, 'NACK/validity expired', 'EXPIRED', '000', 3, 4],
  [16, 'NACK/0x0000000b/Invalid Destination Address', 'REJECTD', '011', 8, 4],
  [16, 'NACK/no route leads to a provider', 'REJECTD', '000', 8, 4],
])('type %d, %s: %s', (type, text, stat, err, state, esmClass) => {
  const fields = receiptFields(callback(type, text), 'hex');
  const known = toClient(id, 'hex');
  expect(fields).toMatchObject({ esm_class: esmClass, message_state: state, receipted_message_id: known });
  const said = (fields.short_message as Buffer).toString();
  expect(said).toBe(
    `id:${known} sub:001 dlvrd:${stat === 'DELIVRD' ? '001' : '000'} submit date:2611221234 done date:2611221334 stat:${stat} err:${err} text:`,
  );
  expect(parseReceipt(said, {})).toMatchObject({ providerId: known, stat, error: err });
});

test.each([
  ['as it was given', { given: '447700900123' }, { source_addr: '447700900123', source_addr_ton: 2 }],
  ['international', {}, { source_addr: '447700900123', source_addr_ton: 1 }],
  ['a national number', { given: '07700 900123' }, { source_addr: '447700900123', source_addr_ton: 1 }],
  ['to a name', { from: 'Acme' }, { destination_addr: 'Acme', dest_addr_ton: 5, dest_addr_npi: 0 }],
])('addresses: %s', (_case, values, wanted) => {
  expect(receiptFields(callback(1, receipt('DELIVRD', '000'), values), 'uuid')).toMatchObject(wanted);
});

test('the longest one is a deliver_sm that can be written', () => {
  for (const form of ['uuid', 'decimal', 'hex'] as const) {
    const fields = receiptFields(callback(1, receipt('DELIVRD', '000')), form);
    expect((fields.short_message as Buffer).length).toBeLessThan(255);
    expect(newPdu('deliver_sm', fields).toBuffer().length).toBeLessThan(400);
  }
});
