// One hand-over: the parts of a message on one session, and one outcome out of all their answers.
import type { PDU } from 'smpp';
import type { Show } from '#shared/egress/dialogue.ts';
import type { Outcome } from '#shared/outcome.ts';
import { STATUS } from '#shared/smpp/library.ts';
import type { Answer, SmppSession } from './session.ts';
import { answerLines, pduLines } from './show.ts';
import { verdict } from './verdict.ts';

/** `providerId` once the provider took it. */
export type Part = { pdu: PDU; receipt: boolean; providerId?: string };

type Bad = Exclude<Outcome, { kind: 'done' }>;

/** When parts are answered differently, the highest counts. */
const RANK: Record<Bad['kind'], number> = { throttled: 1, unavailable: 2, retry: 3, unknown: 4, refused: 5 };

/** Submits the parts that are not taken yet. `ended` runs once, when each has its answer. */
export function submitParts(
  session: SmppSession,
  parts: readonly Part[],
  ended: (outcome: Outcome) => void,
  show?: Show,
): void {
  const open = parts.filter((part) => part.providerId === undefined);
  let left = open.length;
  let worst: Bad | undefined;
  for (const part of open) {
    part.pdu.sequence_number = 0; // A throttled part goes out again under a new number.
    session.submit(part.pdu, (answer) => {
      show?.('provider', ...answerLines(answer, part.pdu));
      const bad = badAnswer(answer, part);
      if (bad && (worst === undefined || RANK[bad.kind] > RANK[worst.kind])) worst = bad;
      if (--left === 0) ended(worst ?? { kind: 'done', parts: parts.map(taken) });
    });
    show?.('hermod', ...pduLines(part.pdu));
  }
}

const taken = ({ providerId, receipt }: Part) => ({ providerId: providerId!, receipt });

function badAnswer(answer: Answer, part: Part): Bad | undefined {
  if (answer === 'lost') return { kind: 'unknown', reason: 'the provider did not answer the submit_sm' };
  if (answer.status !== STATUS.ROK) return verdict(answer.status);
  part.providerId = answer.messageId;
  return undefined;
}
