// What the documents print, imported as it is printed: see printed.ts.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PRINTED } from './printed.ts';
import { importOf } from './rig.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

test('every line of the table has one result', () => {
  for (const { name, providers, fault, page, nothing } of PRINTED)
    expect(
      [providers, fault, page, nothing].filter((result) => result !== undefined),
      name,
    ).toHaveLength(1);
});

describe.each(PRINTED.filter(({ nothing }) => nothing === undefined))(
  '$name',
  ({ program, text, providers, clients, secrets = [], says = [], fault, page }) => {
    if (page) {
      test(`is done as ${page[0]} says`, () => expect(readFileSync(resolve(ROOT, page[0]), 'utf8')).toContain(page[1]));
      return;
    }
    if (fault) {
      test('ends in one line', () => expect(() => importOf(program!, text!)).toThrow(fault));
      return;
    }
    test('gives its rows, and keeps its secrets', () => {
      const { rows, env, yaml, said } = importOf(program!, text!);
      expect(rows.providers).toMatchObject(providers!);
      expect(Object.keys(rows.providers)).toEqual(Object.keys(providers!));
      if (clients) expect(rows.clients).toEqual(clients);
      expect(Object.values(env)).toEqual(expect.arrayContaining(secrets));
      for (const secret of secrets) expect(yaml + said.join('\n')).not.toContain(secret);
      for (const words of says) expect(said.join('\n')).toMatch(words);
    });
  },
);
