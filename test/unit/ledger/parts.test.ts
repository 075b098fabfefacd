// Long messages from handsets: put together from parts in any order, repeated and lost, or handed on with a mark; on real
// databases, with a ledger that ends in the middle.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { Callback } from '#shared/messages/callback.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { handOn, handOnBroken, partsWaiting } from '../../../services/ledger/incoming/hand-on.ts';
import { missingOf, type Part, sortParts } from '../../../services/ledger/incoming/parts.ts';
import { type Memory, onBoth, openMemory } from '../../rig/memory.ts';

const T0 = 1_795_296_456_000;
const WITHIN = 600_000;
const CONFIG = `
clients: { shop: { password: x }, post: { password: x } }
providers: { main: { bearer: smpp, host: h, port: 1, systemId: s } }
incoming:
  rows:
    - { when: { keyword: [info, Hilfe], number: "12345" }, client: shop, get: "https://shop.example/%k" }
    - { when: { number: "12345" }, client: post, post: "https://post.example/" }
`;
const { incoming } = parseConfig(CONFIG, 'gateway.yaml', {});

const part = (reference: number, of: readonly string[], i: number, more: object = {}): ReportOf<'incoming'> => ({
  ...{ v: 1, type: 'report', kind: 'incoming', at: T0, provider: 'main', from: '447700900123', to: '12345' },
  text: of[i]!,
  concat: { reference, total: of.length, part: i + 1 },
  ...more,
});
const heard = (callbacks: readonly Callback[]) => callbacks.map(({ incoming }) => incoming!.text);

/** A ledger's own work on its memory. */
const work = (memory: Memory) => ({
  async on(now = T0): Promise<Callback[]> {
    const all: Callback[] = [];
    for (let more = true; more; ) {
      const means = { incoming, seal: memory.seal, outbox: memory.outbox };
      const handed = await memory.db.transaction((sql) => handOn(sql, means, now));
      all.push(...handed.callbacks);
      more = handed.more;
    }
    return all;
  },
  async broken(now: number): Promise<Callback[]> {
    const means = { incoming, seal: memory.seal, outbox: memory.outbox };
    const all: Callback[] = [];
    for (let more = true; more; ) {
      const handed = await memory.db.transaction((sql) => handOnBroken(sql, means, now - WITHIN, now));
      all.push(...handed.callbacks);
      more = handed.more;
    }
    return all;
  },
});

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());
  const feed = (...reports: ReportOf<'incoming'>[]) => memory.feed(reports, T0);

  test('parts in any order, over a restart, become one message', async () => {
    const text = ['Info please, ', 'and be quick ', 'about it'];
    await feed(part(7, text, 2));
    expect(await work(memory).on()).toEqual([]);
    await feed(part(7, text, 0));
    await memory.reopen();
    expect(await work(memory).on()).toEqual([]);
    expect(await partsWaiting(memory.db.read)).toBe(2);
    await memory.reopen();
    await feed(part(7, text, 1), part(7, text, 1));
    const [callback, ...others] = await work(memory).on();
    expect(others).toEqual([]);
    expect(callback).toMatchObject({
      client: 'shop',
      url: 'https://shop.example/%k',
      dlrType: 0,
      values: { to: '447700900123', given: '+447700900123', from: '12345', provider: 'main', account: 'main-user' },
      incoming: { text: text.join('') },
    });
    expect(await partsWaiting(memory.db.read)).toBe(0);
    // What comes once more is known, also in another transaction.
    await feed(part(7, text, 1));
    expect(await work(memory).on()).toEqual([]);
    expect(await work(memory).broken(T0 + 2 * WITHIN)).toEqual([]);
  });

  test('without a part it is handed on when its time is over, marked', async () => {
    const text = ['one ', 'two ', 'three'];
    await feed(part(1, text, 2), part(1, text, 0));
    await work(memory).on();
    expect(await work(memory).broken(T0 + WITHIN - 1)).toEqual([]);
    const [callback] = await work(memory).broken(T0 + WITHIN);
    expect(callback!.incoming).toEqual({ text: 'one [2/3 missing]three', missing: [2], parts: 3 });
    expect(callback!.client).toBe('post');
    expect(await work(memory).broken(T0 + WITHIN)).toEqual([]);
  });

  test('a reference that is used again is another message', async () => {
    await feed(part(1, ['a1', 'a2'], 0), part(1, ['b1', 'b2'], 0), part(1, ['b1', 'b2'], 1));
    expect(heard(await work(memory).on())).toEqual(['b1b2', 'a1[2/2 missing]']);
  });

  test('of several senders, numbers and providers with one reference', async () => {
    const [a, b, c] = [{ from: '447700900001' }, { to: '67890' }, { provider: 'other' }];
    const texts = ['1', '2'];
    await feed(...[a, b, c].map((more) => part(1, texts, 0, more)));
    expect(await work(memory).on()).toEqual([]);
    await feed(...[a, c].map((more) => part(1, texts, 1, more)));
    expect(heard(await work(memory).on())).toEqual(['12', '12']);
  });

  test('what waits in the outbox has no text in the clear, and is owed again after a restart', async () => {
    await feed(part(0, ['my secret is nightingale'], 0));
    const [callback] = await work(memory).on();
    expect(callback!.incoming!.text).toBe('my secret is nightingale');
    const [row] = await memory.rows('select body from outbox');
    expect(row!.body).not.toContain('nightingale');
    await memory.reopen();
    expect(await memory.due(T0)).toEqual([callback]);
    const told = { v: 1, type: 'report', kind: 'told', at: T0, callback: callback!.callback, tries: 0 } as const;
    await memory.feed({ ...told, ok: false, reason: 'HTTP status 500' }, T0);
    expect(await memory.due(T0 + 4_999)).toEqual([]);
    expect(await memory.due(T0 + 5_000)).toMatchObject([{ tries: 1, incoming: { text: 'my secret is nightingale' } }]);
    await memory.feed({ ...told, tries: 1, ok: true, reason: '200' }, T0 + 5_000);
    expect(await memory.rows('select * from outbox')).toEqual([]);
  });
});

test('ten thousand parts in random order, with losses and repeats: each message whole once, or handed on with its gaps', async () => {
  const memory = await openMemory();
  const random = fc.sample(fc.nat(2 ** 31 - 1), { numRuns: 30_000, seed: 4_711 });
  let next = 0;
  const below = (n: number) => random[next++ % random.length]! % n;
  const sent: { whole: string; parts: ReportOf<'incoming'>[] }[] = [];
  for (let count = 0; count < 10_000; ) {
    const total = 2 + below(5);
    const texts = Array.from({ length: total }, (_, i) => `${sent.length}.${i} `);
    const from = `4477009${String(Math.floor(sent.length / 256)).padStart(5, '0')}`;
    const reference = sent.length % 256;
    sent.push({ whole: texts.join(''), parts: texts.map((_, i) => part(reference, texts, i, { from })) });
    count += total;
  }
  const lost = new Set<ReportOf<'incoming'>>();
  const way = sent.flatMap(({ parts }) => parts).filter((one) => below(50) > 0 || !lost.add(one));
  way.push(...way.filter(() => below(10) === 0));
  for (let i = way.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [way[i], way[j]] = [way[j]!, way[i]!];
  }
  const got: Callback[] = [];
  const startedAt = performance.now();
  for (let at = 0; at < way.length; at += 500) {
    await memory.feed(way.slice(at, at + 500), T0);
    got.push(...(await work(memory).on()));
    if (at === 5_000) await memory.reopen();
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  got.push(...(await work(memory).broken(T0 + WITHIN)));
  const incomplete = sent.filter(({ parts }) => parts.some((one) => lost.has(one)));
  const gone = incomplete.filter(({ parts }) => parts.every((one) => lost.has(one)));
  expect(
    heard(got)
      .filter((text) => !text.includes('missing'))
      .toSorted(),
  ).toEqual(
    sent
      .filter((one) => !incomplete.includes(one))
      .map(({ whole }) => whole)
      .toSorted(),
  );
  const marked = incomplete
    .filter((one) => !gone.includes(one))
    .map(({ parts }) =>
      parts.map((one, i) => (lost.has(one) ? `[${i + 1}/${parts.length} missing]` : one.text)).join(''),
    );
  expect(
    heard(got)
      .filter((text) => text.includes('missing'))
      .toSorted(),
  ).toEqual(marked.toSorted());
  expect(await partsWaiting(memory.db.read)).toBe(0);
  console.info(`${way.length} parts of ${sent.length} messages in ${seconds.toFixed(1)} s, ${marked.length} with gaps`);
  await memory.close();
}, 120_000);

describe('sorting, whatever comes', () => {
  const piece = fc.record({ part: fc.integer({ min: 1, max: 4 }), mark: fc.constantFrom('a', 'b') });
  test('no part is lost and none is used twice', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.array(piece, { maxLength: 4 }), (pieces, done) => {
        const parts = pieces.map((each, id): Part => ({ ...each, id, total: 4, at: 0, waits: false }));
        const { whole, broken, repeats, waiting } = sortParts(parts, done);
        const used = [...whole.flat(), ...broken.flat(), ...repeats, ...waiting].map(({ id }) => id);
        expect(used.toSorted((a, b) => a - b)).toEqual(parts.map(({ id }) => id));
        for (const one of whole) expect(one.map(({ part }) => part)).toEqual([1, 2, 3, 4]);
        for (const one of broken) expect(missingOf(one).length).toBe(4 - one.length);
      }),
    );
  });
});
