// What is known of providers now: the latest news of all their workers added up, one row for each.
import type { NewsOf } from '../bus/health.ts';

export type ProviderRow = {
  provider: string;
  state: 'up' | 'not bound' | 'paused' | 'no worker';
  workers: number;
  bound: number;
  allowed: number;
  waiting: number;
  inFlight: number;
  sentPerSecond: number;
  errorsPerSecond: number;
  paused: boolean;
  lastError?: string;
};

/**
 * `names` are those of the configuration, `heard` the latest news of each worker. The ledger's word on who is paused
 * counts without a worker too.
 */
export function providerRows(
  names: readonly string[],
  heard: readonly NewsOf<'provider'>[],
  paused: readonly string[],
): ProviderRow[] {
  const all = new Set([...names, ...heard.map(({ provider }) => provider)]);
  return [...all].map((name) =>
    rowOf(
      name,
      heard.filter(({ provider }) => provider === name),
      paused,
    ),
  );
}

function rowOf(provider: string, workers: readonly NewsOf<'provider'>[], paused: readonly string[]): ProviderRow {
  const sum = (key: 'bound' | 'waiting' | 'inFlight' | 'sentPerSecond' | 'errorsPerSecond') =>
    workers.reduce((total, worker) => total + worker[key], 0);
  const lastError = workers.findLast((worker) => worker.lastError)?.lastError;
  const row = {
    provider,
    workers: workers.length,
    bound: sum('bound'),
    allowed: Math.max(0, ...workers.map(({ allowed }) => allowed)),
    waiting: sum('waiting'),
    inFlight: sum('inFlight'),
    sentPerSecond: sum('sentPerSecond'),
    errorsPerSecond: sum('errorsPerSecond'),
    paused: paused.includes(provider) || workers.some((worker) => worker.paused),
    ...(lastError ? { lastError } : {}),
  };
  const state = row.paused ? 'paused' : row.workers === 0 ? 'no worker' : row.bound === 0 ? 'not bound' : 'up';
  return { ...row, state };
}
