// The client's side of a door: callers that have one request under way each. At the HTTP door each has a connection of
// its own; at the SMPP door all share one session, and their number is its window.
import { newPdu } from '#shared/smpp/library.ts';
import { openConnection } from './connection.ts';
import type { Job } from './generator.ts';
import { now } from './rig.ts';
import { openSmppSession } from './smpp-session.ts';
import { RECIPIENT_PREFIX } from './smsc.ts';

/** In a request this becomes the number of the message, with eight digits. */
export const NUMBER = '########';
const DIGITS = NUMBER.length;
/** What a good request is answered with: HTTP's 202, and for SMPP's ESME_ROK the same, so that one count serves both. */
export const ACCEPTED = 202;

export type Caller = { message: number; send(number: number): void };
export type CallerEvents = {
  /** The answer to the caller's request; any status but ACCEPTED is a refusal. */
  answered(caller: Caller, status: number): void;
  /** Its connection is gone; nothing more comes. */
  broken(caller: Caller, reason: string): void;
};
export type Callers = {
  all: Caller[];
  /** Receipts that came on the session, and when the last did; none at the HTTP door. */
  receipts(): { count: number; lastAt: number };
  close(): void;
};

export const openCallers = (job: Job, events: CallerEvents): Promise<Callers> =>
  job.door === 'smpp' ? overSmpp(job, events) : overHttp(job, events);

async function overHttp({ host, port, target, connections }: Job, events: CallerEvents): Promise<Callers> {
  const request = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`, 'latin1');
  const opened = await Promise.all(
    Array.from({ length: connections }, async () => {
      const caller: Caller = { message: -1, send: undefined! };
      const connection = await openConnection(host, port, {
        answered: (status) => events.answered(caller, status),
        broken: (reason) => events.broken(caller, reason),
      });
      const own = numbered(request);
      caller.send = (number) => connection.send(own.with(number));
      return { caller, connection };
    }),
  );
  return {
    all: opened.map(({ caller }) => caller),
    receipts: () => ({ count: 0, lastAt: 0 }),
    close: () => {
      for (const { connection } of opened) connection.close();
    },
  };
}

async function overSmpp({ port, account, text, receipts, connections }: Job, events: CallerEvents): Promise<Callers> {
  const all: Caller[] = [];
  let count = 0;
  let lastAt = 0;
  const session = await openSmppSession(port, account, {
    answered: (sequence, status) => events.answered(all[sequence - 1]!, status === 0 ? ACCEPTED : 500 + (status % 100)),
    delivered() {
      count++;
      lastAt = now();
    },
    broken(reason) {
      for (const caller of all) events.broken(caller, reason);
    },
  });
  const submit = newPdu('submit_sm', {
    source_addr: '12345',
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: `${RECIPIENT_PREFIX}${NUMBER}`,
    registered_delivery: receipts ? 1 : 0,
    short_message: Buffer.from(text),
  }).toBuffer();
  for (let sequence = 1; sequence <= connections; sequence++) {
    const own = numbered(submit);
    own.octets.writeUInt32BE(sequence, 12); // Each caller has one submit under way: its sequence_number is the caller's.
    all.push({ message: -1, send: (number) => session.send(own.with(number)) });
  }
  return { all, receipts: () => ({ count, lastAt }), close: session.close };
}

/** A copy of `request`, and how to write a message's number into it. */
function numbered(request: Buffer): { octets: Buffer; with(number: number): Buffer } {
  const octets = Buffer.from(request);
  const places: number[] = [];
  for (let at = octets.indexOf(NUMBER); at !== -1; at = octets.indexOf(NUMBER, at + DIGITS)) places.push(at);
  return {
    octets,
    with(number) {
      for (const at of places) {
        let rest = number;
        for (let i = DIGITS - 1; i >= 0; i--) {
          octets[at + i] = 48 + (rest % 10);
          rest = Math.trunc(rest / 10);
        }
      }
      return octets;
    },
  };
}
