// The suppression lists in the ledger: changes in their order for doors, masked numbers for people, no number in the file.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { markOf } from '#shared/doors/suppressed.ts';
import {
  type Change,
  changeSuppressed,
  listSuppressed,
  nameList,
  standing,
  suppressions,
} from '../../../services/ledger/incoming/suppressed.ts';
import { type Memory, onBoth } from '../../rig/memory.ts';

const NOW = 1_795_296_456_000;
const [ONE, TWO] = ['447700900001', '447700900002'];

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
    await memory.db.transaction(nameList);
  });
  afterEach(() => memory.close());
  const put = (number: string, active: boolean, client = 'shop') =>
    memory.db.transaction((sql) => {
      const change: Change = { client, number, active, source: 'word' };
      return changeSuppressed(sql, memory.seal, change, NOW);
    });
  const since = (version: number) => suppressions(memory.db.read, memory.seal, version);

  test('doors get what is behind their version, each number once and as it is now', async () => {
    const { list, version } = await standing(memory.db.read);
    expect([list.length, version]).toEqual([36, 0]);
    expect(await since(0)).toEqual({ list, key: memory.seal.marks, changes: [], version: 0, more: false });
    const mark = (number: string) => markOf(memory.seal.marks, number);
    expect(await put(ONE, true)).toBe(true);
    expect(await put(TWO, true)).toBe(true);
    expect(await put(ONE, true)).toBe(false);
    expect((await since(0)).changes).toEqual([
      ['shop', mark(ONE), 1],
      ['shop', mark(TWO), 1],
    ]);
    expect(await put(ONE, false)).toBe(true);
    expect(await since(2)).toMatchObject({ changes: [['shop', mark(ONE), 0]], version: 3, more: false });
    expect(await since(0)).toMatchObject({
      changes: [
        ['shop', mark(TWO), 1],
        ['shop', mark(ONE), 0],
      ],
    });
    await memory.reopen();
    await memory.db.transaction(nameList);
    expect(await standing(memory.db.read)).toEqual({ list, version: 3 });
  });

  test('people see masked numbers, newest first and page by page', async () => {
    await put(ONE, true);
    await put(TWO, true);
    await put(TWO, true, 'other');
    const see = (client?: string, before?: number) =>
      listSuppressed(memory.db.read, memory.seal, { client, before, limit: 1 });
    const { count, numbers } = await see('shop');
    expect(count).toBe(2);
    expect(numbers).toEqual([{ client: 'shop', number: '4477..02', source: 'word', at: NOW, seq: 2 }]);
    expect((await see('shop', 2)).numbers).toMatchObject([{ number: '4477..01' }]);
    expect((await see()).count).toBe(3);
    for (const name of readdirSync(memory.dir)) expect(readFileSync(join(memory.dir, name)).includes(ONE)).toBe(false);
  });
});
