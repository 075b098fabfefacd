// What a modem receives: it is read, published, and only after the broker confirmed it deleted from the SIM or
// acknowledged to the network. Whatever arrives does not keep messages from being sent.
import { createHash } from 'node:crypto';
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { type At, AtFault, type Unasked } from './at.ts';
import { type Deliver, readPdu, type StatusReport } from './pdu/received.ts';
import type { Ready } from './setup.ts';

/** Listing a full SIM takes its time. */
const LIST_TIMEOUT_MS = 30_000;
const MOST_ID = 32;

export type InboxEvents = {
  /** Both resolve when the broker has it. */
  incoming(message: Incoming): Promise<unknown>;
  statusReport(report: StatusReport): Promise<unknown>;
  warn(reason: string): void;
};

/** `id` makes the same message recognisable when it is read again. */
export type Incoming = Pick<Deliver, 'from' | 'text' | 'encoding' | 'concat'> & { id: string };

export type Inbox = {
  take(said: Unasked): void;
  /** Reads what is stored. `left`: how many remain because they are not ours to delete. */
  sweep(): Promise<number>;
};

export function openInbox(
  at: At,
  { storage, acknowledges }: Pick<Ready, 'storage' | 'acknowledges'>,
  events: InboxEvents,
): Inbox {
  let current = storage?.name;
  /** One thing after another: the modem has one selected storage. */
  let queue: Promise<unknown> = Promise.resolve();

  /** A modem that falls silent ends the line, which is told elsewhere. */
  function next<T>(job: () => Promise<T>): Promise<T | undefined> {
    const result = queue.then(job).catch((error: unknown) => {
      if (!(error instanceof AtFault)) throw error;
      if (error.kind === 'refused') events.warn(error.message);
      return undefined;
    });
    queue = result;
    return result;
  }

  function take({ line, pdu }: Unasked): void {
    const stored = /^\+(?:CMTI|CDSI):\s*"?(\w{2})"?\s*,\s*(\d{1,5})/.exec(line);
    if (stored) void next(() => readOne(stored[1]!, Number(stored[2])));
    else if (pdu !== undefined && /^\+(CDS|CMT):/.test(line)) void next(() => takeDirect(pdu));
  }

  async function takeDirect(pdu: string): Promise<void> {
    await handle(pdu);
    if (acknowledges) await at.command('AT+CNMA');
  }

  async function select(name: string): Promise<void> {
    if (current === name) return;
    await at.command(`AT+CPMS="${name}"`);
    current = name;
  }

  async function readOne(name: string, index: number): Promise<void> {
    const before = current;
    await select(name);
    const lines = await at.command(`AT+CMGR=${index}`);
    const pdu = afterHeader(lines, '+CMGR:');
    if (pdu !== undefined) {
      await handle(pdu);
      await at.command(`AT+CMGD=${index}`);
    }
    if (before !== undefined) await select(before);
  }

  async function sweepNow(): Promise<number> {
    const lines = await at.command('AT+CMGL=4', LIST_TIMEOUT_MS);
    let left = 0;
    for (const [i, line] of lines.entries()) {
      const listed = /^\+CMGL:\s*(\d+)\s*,\s*(\d)/.exec(line);
      if (!listed) continue;
      // 0 and 1 are received; 2 and 3 were written on the SIM by somebody.
      const pdu = Number(listed[2]) <= 1 ? afterHeader(lines.slice(i), '+CMGL:') : undefined;
      if (pdu === undefined) left++;
      else {
        await handle(pdu);
        await at.command(`AT+CMGD=${listed[1]}`);
      }
    }
    return left;
  }

  /** What cannot be read is published as it stands, so that it does not fill the SIM. */
  async function handle(pdu: string): Promise<void> {
    const id = createHash('sha256').update(pdu.toUpperCase()).digest('hex').slice(0, MOST_ID);
    let read: Deliver | StatusReport;
    try {
      read = readPdu(pdu);
    } catch (error) {
      events.warn(`a PDU cannot be read: ${(error as Error).message}`);
      await events.incoming({ id, from: '', text: Buffer.from(pdu, 'hex').toString('latin1'), encoding: 'binary' });
      return;
    }
    if (read.kind === 'status-report') await events.statusReport(read);
    else {
      const { from, text, encoding, concat } = read;
      await events.incoming({ id, from, text, encoding, ...(concat ? { concat } : {}) });
    }
  }

  return { take, sweep: async () => (await next(sweepNow)) ?? 0 };
}

/** The PDU behind a header; news may stand between them. */
function afterHeader(lines: readonly string[], header: string): string | undefined {
  const from = lines.findIndex((line) => line.startsWith(header));
  if (from === -1) return undefined;
  for (const line of lines.slice(from + 1)) {
    if (line.startsWith(header)) return undefined;
    if (/^([0-9A-Fa-f]{2}){4,}$/.test(line)) return line;
  }
  return undefined;
}

/** The report of an incoming message. `to` is the SIM's own number, where configuration knows it. */
export function incomingReport(message: Incoming, provider: string, myNumber = ''): ReportOf<'incoming'> {
  const { id, from, text, encoding, concat } = message;
  return {
    v: VERSION.report,
    type: 'report',
    kind: 'incoming',
    at: Date.now(),
    provider,
    from: from.replace(/^\+/, ''),
    to: myNumber.replace(/^\+/, ''),
    text,
    encoding,
    providerId: id,
    ...(concat ? { concat } : {}),
  };
}
