// Searches among messages, in both databases: slice by slice and page by page they find what one look at all would.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { timeOfId } from '#shared/messages/id.ts';
import { type Sought, search } from '../../../services/ledger/answers/search.ts';
import { type Memory, onBoth } from '../../rig/memory.ts';
import { endOf, smsAt, takenAs } from '../../rig/story.ts';

const NOW = 1_795_296_456_000;
const COUNT = 200;
const SLICE = 30;

onBoth((open) => {
  let memory: Memory;
  beforeAll(async () => {
    memory = await open();
    const envelopes = Array.from({ length: COUNT }, (_, i) => {
      const at = NOW + i * 1_000;
      const sms = smsAt(at, { to: `4477009${String(i).padStart(5, '0')}`, client: `client${i % 3}` });
      const provider = i === 5 ? 'rare' : 'main';
      return [
        sms,
        i % 10 === 0 ? endOf(sms, at, { state: 'rejected', reason: '' }) : takenAs(sms, at, [`${i}`], { provider }),
      ];
    });
    await memory.feed(envelopes.flat(), NOW);
  });
  afterAll(() => memory.close());

  /** Which of them, the newest first, with `next` followed to the end; and how many answers that took. */
  async function found(sought: Partial<Sought>, forMs: number) {
    const which: number[] = [];
    for (let before: string | undefined, answers = 1; ; answers++) {
      const { rows, next, lookedBackTo } = await search(
        memory.db.read,
        memory.seal,
        { since: 0, limit: 7, ...sought, before },
        forMs,
        SLICE,
      );
      which.push(...rows.map(({ accepted_at: at }) => (at - NOW) / 1_000));
      if (!next) return { which, answers };
      if (lookedBackTo !== undefined) expect(lookedBackTo).toBe(timeOfId(next));
      else expect(rows).toHaveLength(7);
      before = next;
    }
  }
  const those = (matches: (i: number) => boolean) =>
    Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i).filter(matches);

  test.each<[Partial<Sought>, (i: number) => boolean]>([
    [{}, () => true],
    [{ client: 'client1' }, (i) => i % 3 === 1],
    [{ state: 'rejected' }, (i) => i % 10 === 0],
    [{ provider: 'rare' }, (i) => i === 5],
    [{ to: '447700900123' }, (i) => i === 123],
    [{ digits: '23' }, (i) => i % 100 === 23],
    [{ digits: '00023', client: 'client2' }, (i) => i === 23],
    [{ digits: '0023' }, (i) => i === 23],
    [{ digits: '00123', state: 'rejected' }, () => false],
    [{ digits: '99999' }, () => false],
    [{ digits: '999' }, () => false],
    [{ since: NOW + 190_000 }, (i) => i >= 190],
    [{ since: NOW + 50_000, state: 'rejected' }, (i) => i >= 50 && i % 10 === 0],
  ])('%j', async (sought, matches) => {
    for (const forMs of [0, 60_000]) expect((await found(sought, forMs)).which).toEqual(those(matches));
  });

  test('without time for more it says how far back it looked', async () => {
    expect((await found({ digits: '999' }, 60_000)).answers).toBe(1);
    expect((await found({ digits: '999' }, 0)).answers).toBeGreaterThan(COUNT / SLICE - 1);
  });

  test('the last four digits are found at once, without a look through the others', async () => {
    expect(await found({ digits: '0123' }, 0)).toEqual({ which: [123], answers: 1 });
    expect(await found({ to: '447700900123' }, 0)).toEqual({ which: [123], answers: 1 });
  });

  test('a number that was cut is found behind those that were not', async () => {
    const [old] = (await search(memory.db.read, memory.seal, { since: 0, limit: 1, digits: '00023' })).rows;
    const text = "update message set number = '4477..23', number_hash = $1 where id = $2";
    await memory.db.transaction((sql) => sql.run(text, memory.seal.hash('447700900123'), old!.id));
    for (const forMs of [0, 60_000]) expect((await found({ to: '447700900123' }, forMs)).which).toEqual([123, 23]);
    expect((await found({ digits: '447700900123' }, 60_000)).which).toEqual([123, 23]);
    expect((await found({ digits: '900123' }, 60_000)).which).toEqual([123]);
  });
});
