// The compact set behind the suppression lists: the same as a Set, whatever is put in and taken out.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Marks } from '#shared/doors/marks.ts';
import { markOf } from '#shared/doors/suppressed.ts';

test('as a set of numbers', () => {
  const mark = fc.oneof(fc.nat(5_000), fc.maxSafeNat());
  fc.assert(
    fc.property(fc.array(fc.tuple(mark, fc.boolean()), { maxLength: 3_000, size: 'max' }), (changes) => {
      const [marks, set] = [new Marks(), new Set<number>()];
      for (const [each, present] of changes) {
        marks.set(each, present);
        if (present) set.add(each);
        else set.delete(each);
      }
      expect(marks.size).toBe(set.size);
      for (const [each] of changes) expect(marks.has(each)).toBe(set.has(each));
    }),
    { numRuns: 10 },
  );
});

test('a million numbers', () => {
  const marks = new Marks();
  const nth = (i: number) => (i * 7_919_999_983) % Number.MAX_SAFE_INTEGER;
  for (let i = 1; i <= 1_000_000; i++) marks.set(nth(i), true);
  expect(marks.size).toBe(1_000_000);
  for (let i = 1; i <= 1_000_000; i += 997) {
    expect(marks.has(nth(i))).toBe(true);
    expect(marks.has(nth(i) + 1)).toBe(false);
  }
});

test('a mark says nothing without its key, and is exact to 53 bits', () => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => String(491_700_000_000 + i));
  const [one, other] = ['key', 'another'].map((key) => new Set(numbers.map((number) => markOf(key, number))));
  expect([one!.size, other!.size]).toEqual([10_000, 10_000]);
  expect([...one!].filter((mark) => other!.has(mark))).toEqual([]);
  for (const mark of one!) expect(Number.isSafeInteger(mark)).toBe(true);
});
