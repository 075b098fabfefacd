// Which hand-over a status report means.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { References } from '../../../services/egress-modem/references.ts';

const AT = Date.UTC(2026, 10, 21, 12, 3, 0);
const report = (reference: number, takenAt: number | undefined, to = '+491701234567') => ({ reference, to, takenAt });

test('an id is unique, however often the reference repeats', () => {
  const references = new References();
  const ids = Array.from({ length: 600 }, (_, i) => references.add(i % 256, '491701234567', AT + i * 100));
  expect(new Set(ids).size).toBe(600);
  const zero = new References();
  expect(new Set(Array.from({ length: 50 }, (_, i) => zero.add(0, `49170${i}`, AT))).size).toBe(50);
});

test('by reference, number and time; references that are always 0 too', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ to: fc.nat(3), gap: fc.integer({ min: 3_000, max: 60_000 }) }), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.boolean(),
      fc.integer({ min: -1_000, max: 1_000 }),
      (sent, zero, skew) => {
        const references = new References();
        let at = AT;
        const known = sent.map(({ to, gap }, i) => {
          at += gap;
          const reference = zero ? 0 : i;
          return { id: references.add(reference, `49170123450${to}`, at), reference, to, at };
        });
        // In any order, and with the service centre's clock a little off.
        for (const { id, reference, to, at: takenAt } of known.toReversed())
          expect(references.match(report(reference, takenAt + skew, `0170123450${to}`))).toBe(id);
      },
    ),
  );
});

test('a wrong clock at the service centre is learned from a report that can mean only one', () => {
  const references = new References();
  const hour = 3_600_000;
  const only = references.add(7, '491701234567', AT);
  expect(references.match(report(7, AT + hour))).toBe(only);
  const first = references.add(0, '491701234567', AT + 60_000);
  const second = references.add(0, '491701234567', AT + 70_000);
  expect(references.match(report(0, AT + 60_000 + hour))).toBe(first);
  expect(references.match(report(0, AT + 70_000 + hour))).toBe(second);
});

test('a modem that answers 0 while the network counts', () => {
  const references = new References();
  const id = references.add(0, '491701234567', AT);
  references.add(0, '447700900123', AT);
  expect(references.match(report(37, AT - 2_000))).toBe(id);
  expect(references.match(report(37, AT - 3_600_000))).not.toBe(id);
});

test('after a restart the time gives the same id, and another number or time does not', () => {
  const id = new References().add(42, '491701234567', AT);
  expect(new References().match(report(42, AT - 2_000))).toBe(id);
  expect(new References().match(report(42, AT - 3_600_000))).not.toBe(id);
  expect(new References().match(report(42, undefined))).not.toBe(id);
});

test('what is done or three days old is forgotten', () => {
  const references = new References();
  const id = references.add(1, '491701234567', AT);
  references.done(id);
  const next = references.add(1, '491701234567', AT + 1_000);
  expect(references.match(report(1, AT + 1_000))).toBe(next);
  references.add(2, '491701234567', AT + 73 * 3_600_000);
  expect(references.match(report(1, AT + 40 * 3_600_000))).not.toBe(next);
});
