// The fault matrix where services are many: PostgreSQL and Redis beside them, a second ledger and a second worker that stand
// by. Also what a full disk does to the ledger on one box.
import { type FaultCase, HELD, pause } from './cases.ts';
import { SERVICES } from './services.ts';

const forLength = (length: 'short' | 'full') => pause(length === 'short' ? 2_000 : 10_000);

export const SMALL_DISK_CASES: readonly FaultCase[] = [
  {
    name: "the ledger's disk is full for a while",
    async fault({ disk }, length) {
      await disk!.fill();
      await forLength(length);
      await disk!.free();
    },
    repeats: 0,
  },
  {
    name: "the ledger's disk is full, and the ledger is killed meanwhile",
    async fault({ disk, services }, length) {
      await disk!.fill();
      await forLength(length);
      await services.kill('ledger');
      await forLength(length);
      await disk!.free();
    },
    repeats: 0,
  },
];

export const MANY_CASES: readonly FaultCase[] = [
  {
    name: 'PostgreSQL is killed, and comes back after 10 s',
    async fault({ postgres }, length) {
      await postgres!.kill();
      await forLength(length);
      await postgres!.start();
    },
    repeats: 0,
  },
  {
    name: 'Redis is gone for 10 s',
    async fault({ redis }, length) {
      await redis!.stop();
      await forLength(length);
      await redis!.start();
    },
    repeats: 0,
    doorsClosedMs: 2_000,
  },
  {
    name: 'the ledger that works is killed, another stands by',
    async fault({ services }) {
      await services.kill('ledger');
      await pause(3_000);
      await services.kill('ledger:2');
    },
    repeats: 0,
    doorsClosedMs: 2_000,
  },
  {
    name: 'the worker that is bound is killed, another stands by',
    async fault({ services }) {
      await services.kill('egress-smpp');
      await pause(10_000);
      await services.kill('egress-smpp:2');
    },
    repeats: 2 * HELD,
    doorsClosedMs: 2_000,
  },
  {
    name: 'a rolling restart of everything, with what stands by',
    async fault({ services }) {
      for (const name of [...SERVICES, 'ledger:2', 'egress-smpp:2'] as const) await services.restart(name);
    },
    repeats: 0,
  },
  // Last, since the count of binds stays.
  {
    name: 'both workers are frozen for 30 s, one after the other',
    async fault({ services }) {
      await services.freeze('egress-smpp', 30_000);
      await services.freeze('egress-smpp:2', 30_000);
    },
    repeats: 2 * HELD,
    binds: 2,
  },
];
