// The ledger's memory under load, without a broker: messages, answers and receipts through the writer, out of order and
// twice here and there; then what must hold is counted. In the suite small, whole by HERMOD_FULL=1.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import type { Envelope } from '#shared/messages/envelope.ts';
import { openWriter } from '../../services/ledger/record/writer.ts';
import { type Memory, openMemory, WITHIN } from '../rig/memory.ts';
import { endOf, receiptOf, smsAt, takenAs } from '../rig/story.ts';

const IN_FLIGHT = 4_000;
const DAY_MS = 24 * 3_600_000;
const SECRET = 'the-text-that-is-gone';

export type Outcome = {
  perSecond: number;
  open: number;
  wrong: number;
  finals: number;
  textFound: boolean;
  /** Resident memory after a tenth of the messages and at the end, MiB. */
  memory: [early: number, end: number];
  /** SQLite's log, MiB: what goes into its file at once keeps the disk from the broker for so long. */
  log: number;
};

/** Writes the stories of `count` messages, accepted from `from` to `until` (epoch ms). Returns the memory after a tenth. */
async function write(memory: Memory, count: number, from: number, until: number): Promise<number> {
  const writer = openWriter(memory.db, memory.recorder, pino({ level: 'silent' }), () => {});
  let early = 0;
  let underWay: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const at = Math.round(from + ((until - from) * i) / count);
    for (const envelope of storyOf(i, at)) underWay.push(writer.write(envelope));
    if (i === Math.floor(count / 10)) early = resident();
    if (underWay.length < IN_FLIGHT) continue;
    await Promise.all(underWay);
    underWay = [];
  }
  await Promise.all(underWay);
  await writer.close();
  return early;
}

const resident = () => process.memoryUsage.rss() / 1_048_576;

/** Messages of the last day, in the ledger's file in this folder, while no ledger runs. */
export async function fillLedger(dir: string, count: number): Promise<void> {
  const memory = await openMemory(undefined, {}, dir);
  await write(memory, count, Date.now() - DAY_MS, Date.now());
  await memory.db.close();
}

/** `count` messages: of ten, seven are delivered, one failed, one rejected, and one never heard of again. */
export async function runLedger(memory: Memory, count: number): Promise<Outcome> {
  const start = Date.now();
  const early = await write(memory, count, start, start);
  const perSecond = Math.round(count / ((Date.now() - start) / 1_000));
  const end = resident();
  const log = statSync(join(memory.dir, 'ledger.sqlite-wal'), { throwIfNoEntry: false })?.size ?? 0;
  for (let more = true; more; ) {
    const before = memory.finals.length;
    await memory.judge(Date.now() + 2 * WITHIN);
    more = memory.finals.length > before;
  }
  const counted = async (where: string) =>
    Number((await memory.rows(`select count(*) as n from message where ${where}`))[0]!.n);
  const expected: [string, number][] = [
    ["state = 'delivered'", count * 0.7],
    ["state = 'failed'", count * 0.1],
    ["state = 'rejected'", count * 0.1],
    ["state = 'unknown'", count * 0.1],
  ];
  let wrong = 0;
  for (const [where, n] of expected) wrong += Math.abs((await counted(where)) - n);
  const files = readdirSync(memory.dir).map((name) => readFileSync(join(memory.dir, name)));
  return {
    perSecond,
    open: await counted('final = 0'),
    wrong,
    finals: memory.finals.length,
    textFound: files.some((file) => file.includes(SECRET)),
    memory: [early, end],
    log: log / 1_048_576,
  };
}

function storyOf(i: number, at: number): Envelope[] {
  const to = `4477${String(i % 100_000_000).padStart(8, '0')}`;
  const sms = smsAt(at, { to, given: to, text: `${SECRET} ${i}`, dlrUrl: '' });
  const taken = takenAs(sms, at, [`${i}`]);
  const raw = `id:${i} stat:DELIVRD err:000 text:${SECRET}`;
  const receipt = receiptOf(`${i}`, at + 5, { to, raw });
  switch (i % 10) {
    case 0:
      return [sms, taken];
    case 1:
      return [sms, endOf(sms, at + 5, { state: 'rejected', reason: 'ESME_RINVDSTADR' })];
    case 2:
      return [sms, taken, { ...receipt, state: 'failed', stat: 'UNDELIV' }, receipt];
    case 3:
      return [receipt, taken, sms];
    case 4:
      return [sms, sms, taken, taken, receipt, receipt];
    default:
      return [sms, taken, receipt];
  }
}
