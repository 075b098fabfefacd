// Many messages through the ledger: 20,000 in the suite, 1,000,000 with HERMOD_FULL=1. Every one has one final state, none
// went backwards, memory stays flat, the disk is not taken from others for long, and no text is left.
import { expect, test } from 'vitest';
import { runLedger } from '../../load/ledger.ts';
import { onBoth } from '../../rig/memory.ts';

const FULL = process.env.HERMOD_FULL === '1';
const COUNT = FULL ? 1_000_000 : 20_000;
/** Of the process, which does more than remember; what grows with the messages would be ten times that. */
const GROWTH_MIB = FULL ? 200 : 150;
const LOG_MIB = 16;

onBoth((open) => {
  test(
    'one final state each',
    async () => {
      const memory = await open();
      try {
        const outcome = await runLedger(memory, COUNT);
        if (FULL) process.stderr.write(`${JSON.stringify(outcome)}\n`);
        expect(outcome).toMatchObject({ open: 0, wrong: 0, finals: COUNT, textFound: false });
        expect(outcome.memory[1] - outcome.memory[0]).toBeLessThan(GROWTH_MIB);
        expect(outcome.log).toBeLessThan(LOG_MIB);
      } finally {
        await memory.close();
      }
    },
    FULL ? 3_600_000 : 60_000,
  );
});
