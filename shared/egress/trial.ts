// One message to one provider because a person wants to see what happens: by whoever holds a bind, ahead of the backlog,
// within window and rate, once. The ledger hears of it as of any other message.

import { NobodyThere } from '../bus/ask.ts';
import type { Bus } from '../bus/bus.ts';
import type { Config, Provider } from '../config/schema.ts';
import { type Ending, lastReportOf } from '../handover.ts';
import { VERSION } from '../messages/envelope.ts';
import { newId } from '../messages/id.ts';
import type { Sms } from '../messages/sms.ts';
import { PROBE_DOOR, TRIAL_DOOR, type TrialAnswer, type TrialQuestion, trialQuestion } from '../messages/trial.ts';
import { maskNumber } from '../sms/number.ts';
import { countSegments } from '../sms/segments.ts';
import { senderFor } from '../sms/sender.ts';
import { logAccess } from '../telemetry/access.ts';
import { reasonOf } from '../telemetry/log.ts';
import { traceOf, traceparentOf } from '../telemetry/trace.ts';
import { bindSlot, LEDGER, toQueue, toReport } from '../topology.ts';
import { openDialogue, type Show } from './dialogue.ts';

/** A person does not wait longer; no bearer's usual time limit is. */
const ANSWER_WITHIN_MS = 90_000;
const VALID_MS = 600_000;
/** Kannel's bits for "delivered" and "failed". */
const ASK_RECEIPT = 3;

/** The sender of a trial that names none: that of the clients, where they have the same. */
export function sharedSender(clients: Config['clients']): string {
  const senders = new Set(Object.values(clients).flatMap(({ sender }) => sender ?? []));
  return senders.size === 1 ? [...senders][0]! : '';
}

type Place = { name: string; provider: Provider; bus: Pick<Bus, 'publish'> };

/**
 * Asks the holders of the provider's binds one after another until one can hand over. Undefined when no bind is held;
 * rejects when a holder does not answer or does not understand.
 */
export async function askHolder(
  bus: Pick<Bus, 'ask'>,
  name: string,
  binds: number,
  question: TrialQuestion,
): Promise<TrialAnswer | undefined> {
  let answer: TrialAnswer | undefined;
  for (let n = 1; n <= binds; n++) {
    try {
      answer = (await bus.ask(bindSlot(name, n), question, ANSWER_WITHIN_MS)) as TrialAnswer;
    } catch (error) {
      if (error instanceof NobodyThere) continue;
      throw error;
    }
    if (answer.verdict !== 'unavailable' || answer.said.length > 0) return answer;
  }
  return answer;
}

/** Gives how it ended; a rejection counts as unavailable. */
type HandOver = (message: Sms, show: Show) => Promise<Ending>;

/** The holder's side. */
export async function conduct(asked: unknown, place: Place, handOver: HandOver): Promise<TrialAnswer> {
  const parsed = trialQuestion.safeParse(asked);
  if (!parsed.success) throw new Error('this worker does not understand the question: are both of the same version?');
  return carryOut(parsed.data, TRIAL_DOOR, place, handOver);
}

/** The provider's probe, by the row: the ledger sees whether its receipt comes back. */
export async function sendProbe(place: Place, handOver: HandOver): Promise<TrialAnswer> {
  const { to, text, from } = place.provider.probe!;
  const question = { ask: 'try', to: to.slice(1), given: to, text, from, by: PROBE_DOOR } as const;
  return carryOut(question, PROBE_DOOR, place, handOver);
}

async function carryOut(
  question: TrialQuestion,
  door: string,
  { name, provider, bus }: Place,
  handOver: HandOver,
): Promise<TrialAnswer> {
  const message = messageOf(question, door, name, provider, Date.now());
  const { id, to, segments, traceparent } = message;
  await bus.publish(toQueue(LEDGER), [message]);
  const trace = traceOf(traceparent);
  const { by } = question;
  logAccess({ event: 'accepted', id, trace, door, provider: name, to: maskNumber(to), segments, user: by });
  const { said, show } = openDialogue();
  let startedAt = performance.now();
  const ending = await handOver(message, (by, ...lines) => {
    if (said.length === 0) startedAt = performance.now();
    show(by, ...lines);
  }).catch((error): Ending => ({ kind: 'unavailable', reason: reasonOf(error) }));
  const report = lastReportOf(message, ending, Date.now());
  await bus.publish(toReport(report.kind), [report]);
  const ms = Math.round(performance.now() - startedAt);
  return { id, provider: name, bearer: provider.bearer, said, ...wordsOf(ending), ms };
}

/** Throws when the text cannot be an SMS. */
function messageOf(
  { to, given, text, from }: TrialQuestion,
  door: string,
  name: string,
  provider: Provider,
  now: number,
): Sms {
  return {
    v: VERSION.sms,
    type: 'sms',
    id: newId(now),
    handover: 0,
    attempts: 0,
    expiry: now + VALID_MS,
    at: now,
    traceparent: traceparentOf(undefined),
    client: '',
    door,
    lane: 'urgent',
    to,
    given,
    from: senderFor(provider.senders)(from),
    text,
    segments: countSegments(text).segments,
    dlrMask: ASK_RECEIPT,
    provider: name,
  };
}

type Words = Pick<TrialAnswer, 'verdict' | 'class' | 'reason' | 'providerIds' | 'receipt' | 'todo'>;

/** The verdict on an ending, and what a person can do about it. */
export function wordsOf(ending: Ending): Words {
  const none = { providerIds: [], receipt: false };
  const { reason } = { reason: '', ...ending };
  const said = (verdict: Words['verdict'], kind: string, todo: string): Words => ({
    ...none,
    verdict,
    class: kind,
    reason,
    todo,
  });
  switch (ending.kind) {
    case 'done': {
      const receipt = ending.parts.some((part) => part.receipt);
      const providerIds = ending.parts.map((part) => part.providerId).filter(Boolean);
      const todo = receipt
        ? 'Wait for the receipt: hermod status with this id shows it.'
        : 'The provider gives no receipt: look at the handset, and ask the provider with its id when nothing arrives.';
      return { verdict: 'accepted', class: '', reason: '', providerIds, receipt, todo };
    }
    case 'refused':
      return said('refused', REFUSED[ending.scope].class, REFUSED[ending.scope].todo);
    case 'retry':
      return said(
        'refused',
        'only for now',
        'The provider asks for another try: try again in a minute; ask the provider when it stays so.',
      );
    case 'unknown':
      return said(
        'unknown',
        'the answer was lost',
        'It may have been sent: look at the handset before you try again, then at the time limits of the row.',
      );
    case 'waited':
      return {
        ...said('unavailable', 'no room', 'Window or rate are used up: look at the load with hermod providers.'),
        reason: 'no room in window and rate in time',
      };
    case 'expired':
    case 'unavailable':
      return said(
        'unavailable',
        'not reached',
        'Nothing was handed over: look at address, port, certificate and account of the row, and at firewalls between.',
      );
  }
}

const REFUSED = {
  message: {
    class: 'for this message anywhere',
    todo: 'The number or the text is wrong: write the number with its country code, and try a short plain text.',
  },
  recipient: {
    class: 'for this recipient',
    todo: 'The provider has no way to this number: try another one, and look at what the row says about numbers.',
  },
  provider: {
    class: 'by this provider',
    todo: 'Look at account, sender and settings of the row, and ask the provider what its words mean.',
  },
} as const;
