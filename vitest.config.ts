// Three kinds of test: `unit` needs nothing, `flows` a broker, `faults` a broker and some minutes.
import { defineConfig } from 'vitest/config';

/** A failure names what was there, not how many fields it has. */
const chaiConfig = { truncateThreshold: 4_000 };
const withBroker = {
  chaiConfig,
  globalSetup: ['test/rig/broker.ts'],
  fileParallelism: false,
  // Above what the deadlines within a test add up to, so that it is they who say what did not happen.
  testTimeout: 60_000,
  hookTimeout: 90_000,
};

export default defineConfig({
  test: {
    env: { HERMOD_LOG_LEVEL: 'fatal', HERMOD_ACCESS_LOG: 'off' },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/providers/**/*.test.ts'],
          testTimeout: 40_000,
          chaiConfig,
        },
      },
      { test: { name: 'flows', include: ['test/flows/**/*.test.ts'], ...withBroker } },
      { test: { name: 'faults', include: ['test/faults/**/*.test.ts'], ...withBroker, testTimeout: 300_000 } },
    ],
  },
});
