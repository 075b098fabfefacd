// What a provider's callback says, as reports for the ledger, which matches them to messages whenever they come.
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReceiptState, ReportOf } from '#shared/messages/report.ts';
import type { Incoming, Receipt } from '#shared/providers/preset.ts';

const MOST = { id: 255, word: 64, number: 32, text: 4_096 } as const;

/** The words of SMPP 3.4, Appendix B, by which every client of ours can read a receipt. */
const STAT: Readonly<Record<ReceiptState, string>> = {
  delivered: 'DELIVRD',
  buffered: 'ACCEPTD',
  expired: 'EXPIRED',
  failed: 'UNDELIV',
  rejected: 'REJECTD',
  unknown: 'UNKNOWN',
};

export function receiptReport(
  provider: string,
  { providerId, stat, error, to }: Receipt,
  states: Readonly<Record<string, ReceiptState>>,
  at: number,
): ReportOf<'receipt'> {
  const state = Object.hasOwn(states, stat) ? states[stat]! : 'unknown';
  const id = providerId.slice(0, MOST.id);
  const handset = (to ?? '').replaceAll(/\D/g, '').slice(0, MOST.number);
  const code = error?.slice(0, MOST.word);
  return {
    v: VERSION.report,
    type: 'report',
    kind: 'receipt',
    at,
    provider,
    providerId: id,
    state,
    stat: stat.slice(0, MOST.word),
    ...(code ? { error: code } : {}),
    ...(handset ? { to: handset } : {}),
    raw: `id:${word(id)} sub:001 dlvrd:${state === 'delivered' ? '001' : '000'} done date:${minute(at)} stat:${STAT[state]} err:${word(code ?? '000')} text:`,
  };
}

export function incomingReport(provider: string, incoming: Incoming, at: number): ReportOf<'incoming'> {
  const { from, to, text, providerId, encoding, concat } = incoming;
  return {
    v: VERSION.report,
    type: 'report',
    kind: 'incoming',
    at,
    provider,
    from: from.slice(0, MOST.number),
    to: to.slice(0, MOST.number),
    text: text.slice(0, MOST.text),
    ...(providerId ? { providerId: providerId.slice(0, MOST.id) } : {}),
    ...(encoding ? { encoding } : {}),
    ...(concat && isConcat(concat) ? { concat } : {}),
  };
}

const isConcat = ({ reference, total, part }: NonNullable<Incoming['concat']>) =>
  [reference, total, part].every(Number.isInteger) && total >= 1 && part >= 1;

/** A field of a receipt ends at a blank. */
const word = (text: string) => text.replaceAll(/\s+/g, '_');

/** YYMMDDhhmm, in UTC. */
const minute = (ms: number) => new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 12);
