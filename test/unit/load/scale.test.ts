// The tables of scale: what the rates need is what a message costs times the rate, whatever was measured.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PARTS, PROVIDERS, type ScaleRow, WORKERS } from '../../load/scale.ts';
import { BUSY, needs, scaleMarkdown, scaleText } from '../../load/scale-table.ts';

const us = fc.double({ min: 0.1, max: 10_000, noNaN: true });
const prices = fc.tuple(us, us, us, us, us).map((all) => Object.fromEntries(PARTS.map((part, i) => [part, all[i]!])));
const rows = fc
  .array(fc.record({ perSecond: us, residentMb: us, cpuUs: prices, atRest: us }), {
    minLength: WORKERS.length * PROVIDERS.length,
    maxLength: WORKERS.length * PROVIDERS.length,
  })
  .map((all) =>
    all.map(
      (row, i) =>
        ({
          ...row,
          lost: 0,
          workers: WORKERS[i % WORKERS.length],
          providers: PROVIDERS[Math.floor(i / WORKERS.length)],
        }) as ScaleRow,
    ),
  );

test('prices become processes', () => {
  fc.assert(
    fc.property(rows, (measured) => {
      for (const { part, dearest, each, cores, many } of needs(measured)) {
        expect(dearest).toBe(Math.max(...measured.map(({ cpuUs }) => cpuUs[part])));
        expect(cores[0]! * 1e6).toBeCloseTo(dearest * 10_000, 3);
        expect(cores[1]).toBeCloseTo(10 * cores[0]!, 6);
        for (const [i, rate] of [10_000, 100_000].entries()) {
          expect(many[i]! * each).toBeGreaterThanOrEqual(rate * (1 - 1e-9));
          expect((many[i]! - 1) * each).toBeLessThan(rate);
        }
        expect(each * dearest).toBeCloseTo(BUSY * 1e6, 3);
      }
      for (const written of [scaleText(measured), scaleMarkdown(measured, 'a machine', 2)]) {
        expect(written).not.toMatch(/NaN|Infinity|undefined|null/);
      }
    }),
  );
});

test('what grows is told against one worker and one provider', () => {
  const row = (workers: number, providers: number, factor: number): ScaleRow => ({
    workers,
    providers,
    perSecond: 1_000 / factor,
    lost: 0,
    residentMb: 100 * factor,
    atRest: 0.1,
    cpuUs: { 'ingress-http': 10 * factor, router: 20 * factor, 'egress-smpp': 30 * factor, ledger: 40, broker: 50 },
  });
  const written = scaleText([row(1, 1, 1), row(4, 1, 2), row(1, 100, 3)]);
  expect(written).toContain('4 routers and egress workers, one provider: CPU per message 1.40 ×, throughput 0.50 ×');
  expect(written).toContain('One router and egress worker, 100 providers: CPU per message 1.80 ×');
  expect(written).toContain('is egress-smpp, at 6,667/s');
  expect(written).toContain('the ledger, is at 15,000/s');
});
