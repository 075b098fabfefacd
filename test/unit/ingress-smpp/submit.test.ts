// From the fields of a submit_sm to a request: what is kept, and what is refused with which status.
import fc from 'fast-check';
import type { PDU } from 'smpp';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { ProviderOf } from '#shared/config/schema.ts';
import { newId } from '#shared/messages/id.ts';
import { readPdu, STATUS, statusName } from '#shared/smpp/library.ts';
import { encodeGsm7 } from '#shared/sms/gsm7.ts';
import { concatUdh, split } from '#shared/sms/segments.ts';
import { submitPdus } from '../../../services/egress-smpp/pdus.ts';
import { acceptedAt, fromClient, toClient } from '../../../services/ingress-smpp/ids.ts';
import { readSubmit } from '../../../services/ingress-smpp/submit.ts';
import { absoluteTime, parseTime } from '../../../services/ingress-smpp/times.ts';
import { id, pdu, type SubmitFields, submitBody, tlv } from '../../peers/esme.ts';

const { clients, providers } = parseConfig(
  JSON.stringify({
    clients: {
      plain: { password: 'x' },
      german: { password: 'x', sender: 'Acme', country: 'DE', maxRecipients: 2, maxSegments: 3 },
    },
    providers: { p: { bearer: 'smpp', host: 'h', systemId: 's' } },
  }),
  'c',
  {},
);
const NOW = Date.UTC(2026, 10, 22, 12);
const octets = (hex: string) => Buffer.from(hex, 'hex');
const ucs2 = (text: string) => Buffer.from(text, 'utf16le').swap16();

const pduOf = (fields: SubmitFields) =>
  readPdu(pdu(fields.dests ? id.submit_multi : id.submit_sm, 1, submitBody(fields))) as PDU;
const read = (fields: SubmitFields, client = clients.plain!) => readSubmit(pduOf(fields), client, '192.0.2.1', NOW);
/** What was read, or the name of the status. */
const result = (fields: SubmitFields, client = clients.plain!) => {
  const got = read(fields, client);
  return 'status' in got ? statusName(got.status) : got;
};

describe('text', () => {
  test.each<[string, SubmitFields, object]>([
    ['GSM 7-bit, unpacked', { message: octets('001b65741b3c11') }, { text: '@€t[_' }],
    ['ASCII', { coding: 1, message: Buffer.from('@ `') }, { text: '@ `' }],
    ['Latin-1, as LinOTP', { coding: 3, message: octets('e920fc') }, { text: 'é ü' }],
    ['UCS-2', { coding: 8, message: ucs2('Пр😀') }, { text: 'Пр😀', encoding: 'ucs2' }],
    ['binary', { coding: 4, message: octets('00ff80') }, { text: '\x00\xff\x80', encoding: 'binary' }],
    ['flash, as Kannel', { coding: 0xf0, message: Buffer.from('now') }, { text: 'now', messageClass: 0 }],
    ['a flash in UCS-2', { coding: 0x18, message: ucs2('Пр') }, { text: 'Пр', encoding: 'ucs2', messageClass: 0 }],
    [
      'binary for the SIM',
      { coding: 0xf6, message: octets('01') },
      { text: '\x01', encoding: 'binary', messageClass: 2 },
    ],
    [
      'message_payload',
      { message: Buffer.alloc(0), tlvs: [tlv(0x424, Buffer.from('a'.repeat(400)))] },
      { text: 'a'.repeat(400) },
    ],
  ])('%s', (_case, fields, wanted) => {
    expect(read(fields)).toMatchObject(wanted);
  });

  test('what a client wrote in the GSM alphabet leaves as the same octets', () => {
    const unit = fc.constantFrom(...'@£$_ΔΦ\n\r aZ09äöü§[]{}~|^\\€');
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 80 }), (text) => {
        const message = encodeGsm7(text);
        const request = read({ message });
        expect('text' in request && split(request.text, 'gsm7')).toEqual([message]);
      }),
    );
  });

  test.each<[string, SubmitFields, string]>([
    ['no text', { message: Buffer.alloc(0) }, 'ESME_RINVMSGLEN'],
    ['both texts', { tlvs: [tlv(0x424, Buffer.from('x'))] }, 'ESME_RTLVNOTALLWD'],
    ['an octet that is no septet', { message: octets('41e9') }, 'ESME_RSUBMITFAIL'],
    ['an octet that is no ASCII', { coding: 1, message: octets('41e9') }, 'ESME_RSUBMITFAIL'],
    ['half a UCS-2 character', { coding: 8, message: octets('041f04') }, 'ESME_RSUBMITFAIL'],
    ['an unknown coding', { coding: 5 }, 'ESME_RSUBMITFAIL'],
    ['a message-waiting group', { coding: 0xc8 }, 'ESME_RSUBMITFAIL'],
    ['the reserved alphabet with a class', { coding: 0x1c }, 'ESME_RSUBMITFAIL'],
  ])('%s: %s', (_case, fields, wanted) => {
    expect(result(fields)).toBe(wanted);
  });
});

describe('parts of a long message', () => {
  const udh = concatUdh(0x2a, 3, 2);
  const part = (rest: Buffer, more: SubmitFields = {}) =>
    result({ esmClass: 0x40, message: Buffer.concat([udh, rest]), ...more });

  test('octets and header stay as the client made them, half an escape pair too', () => {
    const rest = Buffer.concat([Buffer.alloc(152, 'a'), octets('1b')]);
    expect(part(rest)).toMatchObject({ udh: '0500032a0302', encoding: 'gsm7', text: rest.toString('latin1') });
    expect(part(ucs2('П'.repeat(67)), { coding: 8 })).toMatchObject({ udh: '0500032a0302', encoding: 'ucs2' });
  });

  test('they leave as one submit_sm each, with the same user data', () => {
    const message = Buffer.concat([udh, Buffer.alloc(152, 'a'), octets('1b')]);
    const request = read({ esmClass: 0x43, message, coding: 0xf0 });
    if ('status' in request) throw new Error('refused');
    const head = {
      v: 1,
      type: 'sms',
      id: newId(NOW),
      handover: 0,
      attempts: 0,
      at: NOW,
      expiry: NOW + 60_000,
    } as const;
    const rest = { traceparent: '', client: 'c', door: 'smpp', lane: 'urgent', to: '49', given: '49' } as const;
    const { from, text, encoding, udh: header, messageClass } = request;
    const sms = {
      ...head,
      ...rest,
      from,
      text,
      encoding: encoding!,
      udh: header!,
      messageClass: messageClass!,
      segments: 1,
    };
    const out = submitPdus(sms, providers.p as ProviderOf<'smpp'>);
    expect(out).toHaveLength(1);
    expect(out[0]!.pdu).toMatchObject({ esm_class: 0x43, data_coding: 0xf0, short_message: message });
  });

  test.each<[string, SubmitFields, object]>([
    ['SAR parameters become a header', { tlvs: sar(0x07, 3, 2) }, { udh: '050003070302', text: 'hello' }],
    ['of a 16-bit reference the low octet', { tlvs: sar(0x1207, 3, 2) }, { udh: '050003070302' }],
    ['a single part is none', { tlvs: sar(7, 1, 1) }, { text: 'hello' }],
  ])('%s', (_case, fields, wanted) => {
    expect(result(fields)).toMatchObject(wanted);
  });

  function sar(reference: number, total: number, index: number): Buffer[] {
    return [
      tlv(0x20c, Buffer.of(reference >> 8, reference & 0xff)),
      tlv(0x20e, Buffer.of(total)),
      tlv(0x20f, Buffer.of(index)),
    ];
  }

  test.each<[string, SubmitFields, string]>([
    ['a part over 160 septets', { message: Buffer.concat([udh, Buffer.alloc(154, 'a')]) }, 'ESME_RINVMSGLEN'],
    ['a part over 140 octets', { coding: 4, message: Buffer.concat([udh, Buffer.alloc(135)]) }, 'ESME_RINVMSGLEN'],
    ['a header longer than the message', { message: octets('09000301') }, 'ESME_RINVESMCLASS'],
    ['an element longer than its header', { message: octets('0500090102036161') }, 'ESME_RINVESMCLASS'],
    ['a header without an element', { message: octets('0061') }, 'ESME_RINVESMCLASS'],
    ['SAR part 4 of 3', { esmClass: 0, tlvs: sar(7, 3, 4) }, 'ESME_RINVESMCLASS'],
    ['SAR part 0', { esmClass: 0, tlvs: sar(7, 3, 0) }, 'ESME_RINVESMCLASS'],
  ])('%s: %s', (_case, fields, wanted) => {
    expect(result({ esmClass: 0x40, ...fields })).toBe(wanted);
  });

  test('a long message of more parts than the client may send', () => {
    const wide = Buffer.concat([concatUdh(1, 4, 1), Buffer.from('x')]);
    expect(result({ esmClass: 0x40, message: wide }, clients.german)).toBe('ESME_RINVMSGLEN');
    const wider = Buffer.concat([octets('060804000104 01'.replace(' ', '')), Buffer.from('x')]);
    expect(result({ esmClass: 0x40, message: wider }, clients.german)).toBe('ESME_RINVMSGLEN');
  });
});

describe('addresses', () => {
  test.each<[string, SubmitFields, object]>([
    [
      'TON 1 is international',
      { dest: { ton: 1, addr: '491701234567' } },
      { e164: '491701234567', given: '+491701234567' },
    ],
    ['a plus stays', { dest: { ton: 1, addr: '+491701234567' } }, { e164: '491701234567', given: '+491701234567' }],
    ['TON 2, as Kannel', { dest: { ton: 2, addr: '491701234567' } }, { e164: '491701234567', given: '491701234567' }],
    ['00', { dest: { ton: 1, addr: '00491701234567' } }, { e164: '491701234567' }],
  ])('%s', (_case, fields, wanted) => {
    expect(read(fields)).toMatchObject({ recipients: [wanted] });
  });

  test('a national number is one of the client’s country, even when its TON says international', () => {
    const wanted = { recipients: [{ e164: '491701234567', given: '01701234567' }] };
    for (const ton of [0, 1, 2])
      expect(read({ dest: { ton, addr: '01701234567' } }, clients.german)).toMatchObject(wanted);
    expect(result({ dest: { ton: 1, addr: '01701234567' } })).toBe('ESME_RINVDSTADR');
  });

  test.each<[string, SubmitFields['source'], string]>([
    ['digits', { addr: '12345' }, '12345'],
    ['international', { ton: 1, addr: '491701234567' }, '+491701234567'],
    ['letters', { ton: 5, addr: 'Acme Ltd' }, 'Acme Ltd'],
    ['letters that are said to be international, as LinOTP', { ton: 1, addr: 'Acme' }, 'Acme'],
  ])('sender: %s', (_case, source, from) => {
    expect(read({ source: source! })).toMatchObject({ from });
  });

  test('the sender of the client when there is none', () => {
    expect(read({ source: { addr: '' } }, clients.german)).toMatchObject({ from: 'Acme' });
    expect(result({ source: { addr: '' } })).toBe('ESME_RINVSRCADR');
  });

  test.each<[string, SubmitFields, string]>([
    ['no destination', { dest: { addr: '' } }, 'ESME_RINVDSTADR'],
    ['letters', { dest: { addr: 'abc' } }, 'ESME_RINVDSTADR'],
    ['two numbers in one field', { dest: { addr: '4917012 4917013' } }, 'ESME_RINVDSTADR'],
    ['a destination that is too long', { dest: { addr: '+49 170 1234567      ' } }, 'ESME_RINVDSTADR'],
    ['a sender that is too long', { source: { addr: 'a'.repeat(21) } }, 'ESME_RINVSRCADR'],
    ['an international sender that is too long', { source: { ton: 1, addr: '1'.repeat(20) } }, 'ESME_RINVSRCADR'],
    ['a sender in Latin-1', { source: { addr: 'M\xfcller' } }, 'ESME_RINVSRCADR'],
    ['a sender that cannot be printed', { source: { addr: 'a\x01' } }, 'ESME_RINVSRCADR'],
  ])('%s: %s', (_case, fields, wanted) => {
    expect(result(fields)).toBe(wanted);
  });

  test('submit_multi: all numbers or none', () => {
    const one = { ton: 1, addr: '491701234567' };
    expect(read({ dests: [one, { addr: '447700900123' }] }, clients.german)).toMatchObject({
      recipients: [{ e164: '491701234567' }, { e164: '447700900123' }],
    });
    expect(result({ dests: [one, { addr: 'abc' }] })).toBe('ESME_RINVDSTADR');
    expect(result({ dests: [one, { list: 'staff' }] })).toBe('ESME_RINVDLNAME');
    expect(result({ dests: [] })).toBe('ESME_RINVNUMDESTS');
    expect(result({ dests: [one, one, one] }, clients.german)).toBe('ESME_RINVNUMDESTS');
  });
});

describe('receipts, priority and the rest', () => {
  test.each([
    [0, undefined],
    [1, 3],
    [2, 2],
    [16, 4],
    [17, 7],
    [12, undefined],
  ])('registered_delivery %d is dlr-mask %s', (registered, dlrMask) => {
    expect((read({ registered }) as { dlrMask?: number }).dlrMask).toBe(dlrMask);
  });

  test.each<[string, SubmitFields, string]>([
    ['registered_delivery 3', { registered: 3 }, 'ESME_RINVREGDLVFLG'],
    ['priority 4', { priority: 4 }, 'ESME_RINVPRTFLG'],
    ['replace_if_present', { replace: 1 }, 'ESME_RINVREPFLAG'],
    ['a predefined message', { defaultMessage: 1 }, 'ESME_RINVDFTMSGID'],
    ['a delivery acknowledgement', { esmClass: 0x08 }, 'ESME_RINVESMCLASS'],
    ['service_type of 6', { serviceType: 'TOOBIG' }, 'ESME_RINVSERTYP'],
  ])('%s: %s', (_case, fields, wanted) => {
    expect(result(fields)).toBe(wanted);
  });

  test('every status that is given has its number', () => {
    expect(Object.values(STATUS).every(Number.isInteger)).toBe(true);
    expect(read({ priority: 3, esmClass: 3 })).toMatchObject({ priority: 3 });
  });
});

describe('times', () => {
  const DAY = 24 * 3_600_000;
  test.each<[string, SubmitFields, object]>([
    ['relative validity', { validity: '000000010000000R' }, { validityMs: 3_600_000 }],
    ['absolute validity', { validity: '261122130000000+' }, { validityMs: 3_600_000 }],
    ['an hour ahead of UTC', { validity: '261122140000004+' }, { validityMs: 3_600_000 }],
    ['an hour behind UTC', { validity: '261122120000004-' }, { validityMs: 3_600_000 }],
    ['a year is cut to 30 days', { validity: '010000000000000R' }, { validityMs: 30 * DAY }],
    ['a delivery tomorrow', { schedule: '000001000000000R' }, { notBefore: NOW + DAY }],
    [
      'validity counts from the delivery',
      { schedule: '000001000000000R', validity: '261124120000000+' },
      { notBefore: NOW + DAY, validityMs: DAY },
    ],
  ])('%s', (_case, fields, wanted) => {
    expect(read(fields)).toMatchObject(wanted);
  });

  test('a delivery time that has passed is now', () => {
    expect(read({ schedule: '261122110000000+' })).not.toHaveProperty('notBefore');
  });

  test.each<[string, SubmitFields, string]>([
    ['a validity that has passed', { validity: '261122110000000+' }, 'ESME_RINVEXPIRY'],
    ['no validity at all', { validity: '000000000000000R' }, 'ESME_RINVEXPIRY'],
    ['a validity that is no time', { validity: '1234567890' }, 'ESME_RINVEXPIRY'],
    ['30 February', { validity: '270230110000000+' }, 'ESME_RINVEXPIRY'],
    ['a delivery in two months', { schedule: '000200000000000R' }, 'ESME_RINVSCHED'],
    ['a delivery at no time', { schedule: 'tomorrow' }, 'ESME_RINVSCHED'],
  ])('%s: %s', (_case, fields, wanted) => {
    expect(result(fields)).toBe(wanted);
  });

  test('what is written is read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2000, 0, 1) / 1_000, max: Date.UTC(2099, 11, 31) / 1_000 }), (seconds) => {
        expect(parseTime(absoluteTime(seconds * 1_000), 0)).toBe(seconds * 1_000);
      }),
    );
  });
});

describe('message ids', () => {
  const uuid = '01a200b3-a97a-7eb1-a116-b06a7a058159';
  test.each([
    ['uuid', uuid],
    ['hex', '01a200b3a97a7eb1a116b06a7a058159'],
    ['decimal', '2170394321159701906700679766625059161'],
  ] as const)('%s', (form, wanted) => {
    expect(toClient(uuid, form)).toBe(wanted);
    expect(fromClient(wanted.toUpperCase(), form)).toBe(uuid);
  });

  test('every id comes back from each form, and fits into a message_id', () => {
    fc.assert(
      fc.property(
        fc.uuid({ version: 7 }),
        fc.constantFrom('uuid' as const, 'hex' as const, 'decimal' as const),
        (any, form) => {
          expect(fromClient(toClient(any, form), form)).toBe(any);
          expect(toClient(any, form).length).toBeLessThan(65);
        },
      ),
    );
  });

  test.each(['', 'x', '9'.repeat(40), `${uuid}0`])('%s is none', (given) => {
    for (const form of ['uuid', 'hex', 'decimal'] as const) expect(fromClient(given, form)).toBeUndefined();
  });

  test('a decimal number of more than 128 bits is none', () => {
    expect(fromClient('9'.repeat(39), 'decimal')).toBeUndefined();
  });

  test('they tell when the message was accepted', () => {
    expect(acceptedAt(newId(NOW))).toBe(NOW);
  });
});
