// The load generator, a process of its own. At a fixed rate it sends on schedule whatever the answers do, and latency
// counts from the time at which a message was due; at full speed each connection sends when its answer has come.
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Caller, type Callers, openCallers } from './callers.ts';
import { answer, now } from './rig.ts';
import type { Account } from './smpp-session.ts';

/** How long after the last request answers are waited for. */
const PATIENCE_MS = 10_000;
const RECEIPT_POLL_MS = 20;
/** The first message of a schedule is due so late that the thread that wakes us is there by then. */
const LEAD_MS = 200;

export type Job = {
  door: 'http' | 'smpp';
  host: string;
  port: number;
  /** HTTP: path and query, with NUMBER where the message's number stands. */
  target: string;
  /** SMPP: who binds, what is sent, and whether each asks for a receipt. */
  account: Account;
  text: string;
  receipts: boolean;
  /** Number of the first message. */
  first: number;
  /** Requests under way at once: connections of the HTTP door, the window of the SMPP session. */
  connections: number;
  /** Messages a second; undefined: full speed. */
  rate: number | undefined;
  /** It ends after so many messages or so many seconds, whichever comes first. */
  most: number;
  seconds: number;
};

/** One entry per message, in ms of `now()`; `answered` 0 and `status` 0: no answer came. */
export type Sent = {
  /** When it was to leave: by the schedule, or (full speed) when it left. */
  due: Float64Array;
  left: Float64Array;
  answered: Float64Array;
  status: Uint16Array;
  broken: { connections: number; reason: string };
  /** SMPP: receipts that came back on the session, and when the last one did. */
  receipts: { count: number; lastAt: number };
};

export type GeneratorApi = { run(job: Job): Promise<Sent> };

async function run(job: Job): Promise<Sent> {
  const { first, rate, seconds } = job;
  const most = rate === undefined ? job.most : Math.min(job.most, Math.ceil(rate * seconds));
  const due = new Float64Array(most);
  const left = new Float64Array(most);
  const answered = new Float64Array(most);
  const status = new Uint16Array(most);
  const broken = { connections: 0, reason: '' };
  const idle: Caller[] = [];
  let startedAt = 0;
  let next = 0;
  let inFlight = 0;
  let over = () => {};

  /** How many messages may have left by `time`. */
  const allowed = (time: number): number => {
    if (rate !== undefined) return Math.min(most, Math.floor(((time - startedAt) / 1_000) * rate) + 1);
    return time - startedAt < seconds * 1_000 ? most : next;
  };

  function pump(): void {
    let time = now();
    const until = allowed(time);
    while (next < until && idle.length > 0) {
      const caller = idle.shift()!;
      caller.message = next++;
      due[caller.message] = rate === undefined ? time : startedAt + (caller.message / rate) * 1_000;
      left[caller.message] = time;
      inFlight++;
      caller.send(first + caller.message);
      time = now();
    }
    if (inFlight === 0 && (next === most || time - startedAt >= seconds * 1_000)) over();
  }

  const callers = await openCallers(job, {
    answered(caller, code) {
      answered[caller.message] = now();
      status[caller.message] = code;
      inFlight--;
      caller.message = -1;
      idle.push(caller);
      pump();
    },
    broken(caller, reason) {
      broken.connections++;
      broken.reason = reason;
      if (caller.message >= 0) inFlight--;
      else idle.splice(idle.indexOf(caller), 1);
      if (broken.connections === job.connections) over();
    },
  });
  idle.push(...callers.all);
  await new Promise<void>((resolve) => {
    over = resolve;
    startedAt = now() + (rate === undefined ? 0 : LEAD_MS);
    const ticker = rate === undefined ? undefined : startTicker(rate, startedAt, pump);
    const deadline = setTimeout(resolve, startedAt - now() + seconds * 1_000 + PATIENCE_MS);
    over = () => {
      clearTimeout(deadline);
      void ticker?.terminate();
      resolve();
    };
    pump();
  });
  if (job.door === 'smpp' && job.receipts) await receiptsCame(callers, next);
  callers.close();
  return {
    due: due.slice(0, next),
    left: left.slice(0, next),
    answered: answered.slice(0, next),
    status: status.slice(0, next),
    broken,
    receipts: callers.receipts(),
  };
}

/** Until `wanted` receipts have come, or none for a while. */
async function receiptsCame(callers: Callers, wanted: number): Promise<void> {
  let before = -1;
  for (let movedAt = now(); now() - movedAt < PATIENCE_MS; await pause(RECEIPT_POLL_MS)) {
    const { count } = callers.receipts();
    if (count >= wanted) return;
    if (count !== before) movedAt = now();
    before = count;
  }
}

/** setTimeout knows whole milliseconds only: a thread that sleeps on a futex wakes within a tenth of one. */
function startTicker(rate: number, startedAt: number, tick: () => void): Worker {
  const worker = new Worker(new URL('./ticker.ts', import.meta.url), { workerData: { rate, startedAt } });
  worker.on('message', tick);
  return worker;
}

if (import.meta.main) answer({ run } satisfies GeneratorApi);
