// What travels on the bus: the stored examples of every version are read by this code, and nonsense is refused by name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkEnvelope, VERSION } from '#shared/messages/envelope.ts';
import { firstIdAt, newId } from '#shared/messages/id.ts';

const EXAMPLES = join(import.meta.dirname, '../../../shared/messages/examples');
const examples = readdirSync(EXAMPLES).map((file) => {
  const [type, version] = /^(\w+)\.v(\d+)\.json$/.exec(file)!.slice(1) as [keyof typeof VERSION, string];
  const content: unknown = JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8'));
  return {
    type,
    version: Number(version),
    list: (Array.isArray(content) ? content : [content]) as Record<string, unknown>[],
  };
});

describe('envelopes', () => {
  test('each type has an example of the version that is written', () => {
    for (const [type, version] of Object.entries(VERSION)) {
      expect(examples.some((example) => example.type === type && example.version === version)).toBe(true);
    }
  });

  test('examples are read as they are, with fields of a newer version kept', () => {
    for (const { list } of examples) {
      for (const value of list) {
        expect(checkEnvelope(value)).toEqual({ ok: true, envelope: value });
        const newer = { ...value, v: (value.v as number) + 1, later: { any: 'thing' } };
        expect(checkEnvelope(newer)).toEqual({ ok: true, envelope: newer });
        expect(checkEnvelope({ ...value, v: (value.v as number) + 2 })).toMatchObject({ ok: false });
      }
    }
  });

  test('a missing field is named, its value never', () => {
    const { text: _text, ...rest } = examples.find(({ type }) => type === 'sms')!.list[0]!;
    expect(checkEnvelope(rest)).toEqual({ ok: false, reason: 'sms: text is not as version 1 says' });
    expect(checkEnvelope({ ...rest, text: 'x', to: 4477 })).toMatchObject({
      reason: 'sms: to is not as version 1 says',
    });
  });

  test('anything at all is refused without an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(checkEnvelope(value).ok).toBe(false);
      }),
    );
  });
});

describe('ids', () => {
  test('are UUIDv7, sort by time, and do not repeat', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => newId(1_795_303_200_000 + i));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
    for (const id of ids.slice(0, 500))
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('the first id of a moment is not above any id of that moment', () => {
    const at = 1_795_303_200_123;
    expect(firstIdAt(at) <= newId(at)).toBe(true);
    expect(firstIdAt(at) > newId(at - 1)).toBe(true);
  });
});
