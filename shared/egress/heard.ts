// What is known of providers now: the latest news of all their workers added up, one row for each.
import type { NewsOf } from '../bus/health.ts';

export type ProviderRow = {
  provider: string;
  state: 'up' | 'draining' | 'not bound' | 'paused' | 'no worker';
  workers: number;
  bound: number;
  allowed: number;
  waiting: number;
  inFlight: number;
  sentPerSecond: number;
  errorsPerSecond: number;
  paused: boolean;
  draining: boolean;
  lastError?: string;
  balance?: { amount: number; currency?: string | undefined };
};

/**
 * `names` are those of the configuration, `heard` the latest news of each worker. The ledger's word on who is paused, and
 * who is draining, counts without a worker too.
 */
export function providerRows(
  names: readonly string[],
  heard: readonly NewsOf<'provider'>[],
  paused: readonly string[],
  draining: readonly string[] = [],
): ProviderRow[] {
  const all = new Set([...names, ...heard.map(({ provider }) => provider)]);
  return [...all].map((name) =>
    rowOf(
      name,
      heard.filter(({ provider }) => provider === name),
      paused,
      draining,
    ),
  );
}

function rowOf(
  provider: string,
  workers: readonly NewsOf<'provider'>[],
  paused: readonly string[],
  draining: readonly string[],
): ProviderRow {
  const sum = (key: 'bound' | 'waiting' | 'inFlight' | 'sentPerSecond' | 'errorsPerSecond') =>
    workers.reduce((total, worker) => total + worker[key], 0);
  const lastError = workers.findLast((worker) => worker.lastError)?.lastError;
  const balance = workers.findLast((worker) => worker.balance)?.balance;
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
    draining: draining.includes(provider),
    ...(lastError ? { lastError } : {}),
    ...(balance ? { balance } : {}),
  };
  return { ...row, state: stateOf(row) };
}

function stateOf({ paused, workers, bound, draining }: Omit<ProviderRow, 'state'>): ProviderRow['state'] {
  if (paused) return 'paused';
  if (workers === 0) return 'no worker';
  if (bound === 0) return 'not bound';
  return draining ? 'draining' : 'up';
}
