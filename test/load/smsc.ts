// The far side of the bench, a process of its own: the sandbox SMSC, which notes when each message of a run arrived.
import { startSmsc } from '../../services/sandbox/smsc.ts';
import { answer, now } from './rig.ts';

/** Recipients of the bench: these digits and the message's number with eight. */
export const RECIPIENT_PREFIX = '4479';
export const ACCOUNT = { systemId: 'bench', password: 'bench' };

/** One entry per message of the run: when it came first (ms of `now()`, 0: never), and how often. */
export type Arrivals = { at: Float64Array; times: Uint8Array; strays: number };
export type SmscApi = {
  start(): Promise<number>;
  begin(run: { first: number; most: number }): void;
  /** Messages of the run that have arrived, and receipts that were acknowledged since its begin. */
  progress(): { arrived: number; receipts: number };
  end(): Arrivals;
};

// Receipts leave as fast as their answers come, so that the window of the SMSC is not what is measured.
const smsc = import.meta.main ? await startSmsc({ accounts: [ACCOUNT], keep: 1_000, deliverWindow: 500 }) : undefined;
let first = 0;
let arrived = 0;
let receiptsBefore = 0;
let arrivals: Arrivals = { at: new Float64Array(0), times: new Uint8Array(0), strays: 0 };

smsc?.onSubmit(({ dest }) => {
  const message = Number(dest.addr.slice(RECIPIENT_PREFIX.length)) - first;
  const { at, times } = arrivals;
  if (!(message >= 0 && message < at.length)) {
    arrivals.strays++;
    return;
  }
  if (times[message] === 0) {
    at[message] = now();
    arrived++;
  }
  if (times[message]! < 255) times[message]!++;
});

const acknowledged = () => smsc!.counters().deliveries.acknowledged;

if (smsc) {
  const api: SmscApi = {
    start: async () => smsc.port,
    begin(run) {
      first = run.first;
      arrived = 0;
      receiptsBefore = acknowledged();
      arrivals = { at: new Float64Array(run.most), times: new Uint8Array(run.most), strays: 0 };
    },
    progress: () => ({ arrived, receipts: acknowledged() - receiptsBefore }),
    end: () => arrivals,
  };
  answer(api);
}
