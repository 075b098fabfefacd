// PDUs against an independent codec, Debian's libgammu, both ways.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGsm7 } from '#shared/sms/gsm7.ts';
import { readPdu } from '../../services/egress-modem/pdu/received.ts';
import { segmentsOf, submitPdu } from '../../services/egress-modem/pdu/submit.ts';
import { gammuReads, gammuWrites, type Told } from '../peers/gammu.ts';
import { writeDeliver, writeStatusReport } from '../peers/modem/tpdu.ts';

/** libgammu reads Ç (0x09) as ç, its small form, which older versions of the alphabet had there. */
const GSM7 = [...'@£$¥èéùìò\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡AZÄÖÑÜ§¿azäöñüà^{}\\[~]|€'];
const texts = (count: number) => [
  ...fc.sample(fc.string({ unit: fc.constantFrom(...GSM7), minLength: 1, maxLength: 400 }), {
    numRuns: count,
    seed: 7,
  }),
  ...fc.sample(fc.string({ unit: fc.constantFrom(...'Привет żółć 中文😀'), minLength: 1, maxLength: 200 }), {
    numRuns: count,
    seed: 8,
  }),
];

test('what goes out is what gammu reads', () => {
  const list = texts(150);
  const parts = list.map((text, i) =>
    segmentsOf({ id: `019aa000-0000-7000-8000-0000000000${(16 + (i % 200)).toString(16)}`, to: '491701234567', text }),
  );
  const read = gammuReads(
    parts.flat().map((segment) => submitPdu(segment, { smsc: '+491710760000', statusReport: true }).hex),
  );
  let next = 0;
  for (const [i, segments] of parts.entries()) {
    const mine = read.slice(next, next + segments.length);
    next += segments.length;
    expect(mine.map(({ text }) => text).join('')).toBe(list[i]);
    for (const [n, one] of mine.entries()) {
      expect(one).toMatchObject({ type: 'Submit', number: '+491701234567', smsc: '+491710760000' });
      expect(one.coding).toBe(isGsm7(list[i]!) ? 'Default_No_Compression' : 'Unicode_No_Compression');
      if (segments.length > 1)
        expect(one.concat).toEqual({ reference: 16 + (i % 200), total: segments.length, part: n + 1 });
    }
  }
  expect(next).toBe(read.length);
});

test('flash is flash', () => {
  const segment = (text: string) => segmentsOf({ id: '00', to: '491701234567', text, messageClass: 0 })[0]!;
  const read = gammuReads(['Now', 'Сейчас'].map((text) => submitPdu(segment(text), { statusReport: false }).hex));
  expect(read.map((one) => one.class)).toEqual([0, 0]);
});

test('what gammu writes is what arrives', () => {
  const told = texts(100).flatMap((text): Told[] => {
    const gsm7 = isGsm7(text);
    const coding = gsm7 ? 'Default_No_Compression' : 'Unicode_No_Compression';
    return ['', '050003a70201'].map((header) => {
      const short = text
        .slice(0, gsm7 ? 70 : 30)
        .toWellFormed()
        .replaceAll('\ufffd', '');
      return { number: '+491701234567', text: short, coding, header };
    });
  });
  const read = gammuWrites(told).map(readPdu);
  for (const [i, { number, text, header }] of told.entries()) {
    expect(read[i]).toMatchObject({ kind: 'deliver', from: number, text, at: Date.UTC(2026, 10, 21, 21, 26, 32) });
    if (header) expect(read[i]).toMatchObject({ concat: { reference: 0xa7, total: 2, part: 1 } });
  }
});

test("the stand-in's own PDUs are as gammu reads them", () => {
  const at = Date.UTC(2026, 10, 21, 21, 26, 32);
  const [deliver, report] = gammuReads([
    writeDeliver({ from: '+491701234567', text: 'Grüße {€}', at }),
    writeStatusReport({ reference: 200, to: '+491701234567', takenAt: at, doneAt: at + 1_000, status: 0 }),
  ]);
  expect(deliver).toMatchObject({ type: 'Deliver', number: '+491701234567', text: 'Grüße {€}' });
  expect(report).toMatchObject({ type: 'Status_Report', number: '+491701234567', reference: 200, text: 'Delivered' });
});
