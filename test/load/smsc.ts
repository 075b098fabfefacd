// The far side of the bench, a process of its own: the sandbox SMSC, which notes when each message of a run arrived.
import { asUsual, type BehaviourUpdate } from '../../services/sandbox/behaviour.ts';
import { startSmsc } from '../../services/sandbox/smsc.ts';
import { answer, now } from './rig.ts';

/** Recipients of the bench: these digits and the message's number with eight. */
export const RECIPIENT_PREFIX = '4479';
export const ACCOUNT = { systemId: 'bench', password: 'bench' };

const ESME_RBINDFAIL = 0x0d;
/** Receipts leave as fast as their answers come, so that the window of the SMSC is not what is measured. */
const USUAL: BehaviourUpdate = { ...asUsual, deliverWindow: 500 };

/** One entry per message of the run: when it came first (ms of `now()`, 0: never), and how often. */
export type Arrivals = { at: Float64Array; times: Uint8Array; strays: number };
export type SmscApi = {
  start(): Promise<number>;
  /** `closed`: every line is cut and every bind refused until `open`. */
  begin(run: { first: number; most: number; behaviour: BehaviourUpdate; closed: boolean }): void;
  open(): void;
  /** Messages of the run that have arrived, and receipts that were acknowledged since its begin. */
  progress(): { arrived: number; receipts: number };
  end(): Arrivals;
};

const smsc = import.meta.main ? await startSmsc({ accounts: [ACCOUNT], keep: 1_000, ...USUAL }) : undefined;
let first = 0;
let arrived = 0;
let receiptsBefore = 0;
let arrivals: Arrivals = { at: new Float64Array(0), times: new Uint8Array(0), strays: 0 };

smsc?.onSubmit(({ dest, commandStatus }) => {
  if (commandStatus !== 0) return;
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
      smsc.set({ ...USUAL, ...run.behaviour, refuseBinds: run.closed ? ESME_RBINDFAIL : 0 });
      if (run.closed) smsc.dropAll();
      arrivals = { at: new Float64Array(run.most), times: new Uint8Array(run.most), strays: 0 };
    },
    open: () => smsc.set({ refuseBinds: 0 }),
    progress: () => ({ arrived, receipts: acknowledged() - receiptsBefore }),
    end: () => arrivals,
  };
  answer(api);
}
