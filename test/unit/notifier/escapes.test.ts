// dlr-url escapes: Kannel 1.4.5's values for its three kinds of report, and properties that hold for hostile input.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Callback } from '#shared/messages/callback.ts';
import { encode, fillEscapes, MOST_FILLED } from '../../../services/notifier/escapes.ts';

const RECEIPT =
  'id:6b020cc800000001 sub:001 dlvrd:001 submit date:2611212127 done date:2611212127 stat:DELIVRD err:000 text:key word three';
const RECEIPT_ENCODED =
  'id%3A6b020cc800000001+sub%3A001+dlvrd%3A001+submit+date%3A2611212127+done+date%3A2611212127+stat%3ADELIVRD+err%3A000+text%3Akey+word+three';

const callback = (change: Partial<Callback> = {}, values: Partial<Callback['values']> = {}): Callback => ({
  v: 1,
  type: 'callback',
  callback: 7,
  tries: 0,
  id: '01a20074-2214-7e29-a54a-7f8969b6ff5c',
  client: 'test',
  at: 1_795_296_456_789,
  url: 'http://client.example/d?x=%d',
  dlrType: 8,
  ...change,
  values: {
    to: '447700900123',
    from: '12345',
    given: '+447700900123',
    provider: 'sink',
    providerId: '6b020cc800000001',
    text: 'ACK/',
    account: '',
    meta: '?smpp_resp??orig_msg?dlr_mask=31&',
    ...values,
  },
});
const ack = callback();
const delivered = callback(
  { dlrType: 1 },
  { text: RECEIPT, account: 'u', meta: '?orig_msg?dlr_mask=31&?smpp?dlr_err=%03%00%00&' },
);
const refused = callback({ dlrType: 16 }, { text: 'NACK/0x0000000b/Invalid Destination Address', providerId: '' });

/** Columns: type 8, type 1, type 16. One value stands for all three. */
const TABLE: Record<string, [string, string?, string?]> = {
  '%d': ['8', '1', '16'],
  '%A': ['ACK%2F', RECEIPT_ENCODED, 'NACK%2F0x0000000b%2FInvalid+Destination+Address'],
  '%a': ['ACK%2F', RECEIPT_ENCODED, 'NACK%2F0x0000000b%2FInvalid+Destination+Address'],
  '%b': ['ACK%2F', RECEIPT_ENCODED, 'NACK%2F0x0000000b%2FInvalid+Destination+Address'],
  '%F': ['6b020cc800000001', '6b020cc800000001', ''],
  '%i': ['sink'],
  '%n': ['test'],
  '%p': ['%2B447700900123'],
  '%P': ['12345'],
  '%q': ['%2B447700900123'],
  '%Q': ['12345'],
  '%t': ['2026-11-21+21:27:36'],
  '%T': ['1795296456'],
  '%k': ['ACK%2F', 'id%3A6b020cc800000001', 'NACK%2F0x0000000b%2FInvalid'],
  '%s': ['', 'sub%3A001', 'Destination'],
  '%k-%s-%S-%r': [
    'ACK%2F---',
    `id%3A6b020cc800000001-sub%3A001-dlvrd:001-${RECEIPT_ENCODED.split('dlvrd%3A001+')[1]}`,
    'NACK%2F0x0000000b%2FInvalid-Destination-Address-',
  ],
  '%r': ['', RECEIPT_ENCODED.slice('id%3A6b020cc800000001+'.length), 'Destination+Address'],
  '%c%m%M': ['-1-1-1'],
  '%C': ['UTF-8'],
  '%u%B%f%v%V': [''],
  '%o': ['', 'u', ''],
  '%O': ['00'],
  '%D': [
    '%3Fsmpp_resp%3F%3Forig_msg%3Fdlr_mask%3D31%26',
    '%3Forig_msg%3Fdlr_mask%3D31%26%3Fsmpp%3Fdlr_err%3D%2503%2500%2500%26',
    '%3Fsmpp_resp%3F%3Forig_msg%3Fdlr_mask%3D31%26',
  ],
  '%#smpp#dlr_err#': ['', '%03%00%00', ''],
  '%#orig_msg#dlr_mask#': ['31'],
  '%R': ['http%3A%2F%2Fclient.example%2Fd%3Fx%3D%25d'],
  '%%': ['%'],
  '%x%U%L%41%2B': ['%x%U%L%41%2B'],
  '%': ['%'],
  '%#smpp': ['%#smpp'],
  '%\u{1f600}': ['%\u{1f600}'],
};

describe.each(Object.entries(TABLE))('%s', (template, [first, second = first, third = first]) => {
  test.each([
    ['submit taken', ack, first],
    ['delivered', delivered, second],
    ['submit refused', refused, third],
  ] as const)('%s', (_name, given, expected) => {
    expect(fillEscapes(`http://h/?v=${template}`, given)).toBe(`http://h/?v=${expected}`);
  });
});

test('a leading 00 is the international prefix, for %q and %Q only', () => {
  const given = callback({}, { given: '00447700900123', from: '0049151' });
  expect(fillEscapes('%p %q %P %Q', given)).toBe('00447700900123 %2B447700900123 0049151 %2B49151');
});

test('%I is a UUID of the report: the same for each try, another for each report and each message', () => {
  const id = (change: Partial<Callback>) => fillEscapes('%I', callback(change))!;
  expect(id({})).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(id({ tries: 3 })).toBe(id({}));
  expect(id({ callback: 8 })).not.toBe(id({}));
  expect(id({ id: '01a20074-2214-7e29-a54a-7f8969b6ff5d' })).not.toBe(id({}));
});

test('a URL that grows beyond all use is not filled, and costs no time', () => {
  const greedy = callback({ url: '%R%A'.repeat(500) }, { text: 'x y'.repeat(300) });
  const startedAt = performance.now();
  expect(fillEscapes(greedy.url, greedy)).toBeUndefined();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(fillEscapes('x'.repeat(MOST_FILLED), ack)).toHaveLength(MOST_FILLED);
});

describe('properties', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('%d', '%%', '&x=1', '#', '\r\n', '\ud800'),
  );
  const codes = fc.constantFrom(
    ...'dAabkrsSpPqQiFInoDRtTCOcmMuBfvV%'.split('').map((code) => `%${code}`),
    '%#smpp#dlr_err#',
  );
  const template = fc
    .array(fc.oneof(codes, fc.stringMatching(/^[a-z0-9&=/]{0,8}$/)), { maxLength: 20 })
    .map((parts) => parts.join(''));

  test('a value never ends its parameter, adds another or breaks the line', () => {
    fc.assert(
      fc.property(template, fc.array(anyText, { minLength: 7, maxLength: 7 }), (path, texts) => {
        const [text, from, given, provider, providerId, account, client] = texts as [
          string,
          string,
          string,
          string,
          string,
          string,
          string,
        ];
        const hostile = callback({ client, url: 'http://h/' }, { text, from, given, provider, providerId, account });
        const filled = fillEscapes(path, hostile)!;
        expect(filled).toMatch(/^[\w.!~*'()+:%&=/-]*$/);
        const structure = (url: string) => url.replaceAll(/[^&=/]/g, '');
        expect(structure(filled)).toBe(structure(path));
      }),
    );
  });

  test('what a value brings is not read as a code', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const filled = fillEscapes('%A', callback({}, { text }))!;
        expect(decodeURIComponent(filled.replaceAll('+', ' '))).toBe(text.toWellFormed());
      }),
    );
  });

  test("encoding keeps letters, digits and -_.!~*'(), writes a blank as a plus and the rest in upper-case hex", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(encode(text)).toMatch(/^(?:[\w.!~*'()+-]|%[0-9A-F]{2})*$/);
      }),
    );
    expect(encode("A-b_c.d~e*f'(!) +/ä")).toBe("A-b_c.d~e*f'(!)+%2B%2F%C3%A4");
  });

  test('text without a per cent sign stays as it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const plain = text.replaceAll('%', '');
        expect(fillEscapes(plain, ack)).toBe(plain);
      }),
    );
  });
});
