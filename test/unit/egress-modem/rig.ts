// A modem stand-in in memory, set up and ready, with what the gateway would have published.
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import { type At, openAt } from '../../../services/egress-modem/at.ts';
import { handOver, prepare } from '../../../services/egress-modem/hand-over.ts';
import { type Inbox, type Incoming, openInbox } from '../../../services/egress-modem/inbox.ts';
import type { StatusReport } from '../../../services/egress-modem/pdu/received.ts';
import { References } from '../../../services/egress-modem/references.ts';
import { type Ready, type SetupOptions, setUp } from '../../../services/egress-modem/setup.ts';
import { type Behaviour, Modem } from '../../peers/modem/modem.ts';

export type Stand = {
  modem: Modem;
  at: At;
  ready: Ready;
  inbox: Inbox;
  references: References;
  incoming: Incoming[];
  reports: StatusReport[];
  warnings: string[];
  ended: string[];
  /** Confirms of the broker are held back while it is a promise. */
  broker: { confirmed: Promise<void> };
  send(more?: Partial<Sms>, always?: boolean): Promise<Outcome>;
};

const ID = '019aa000-0000-7000-8000-0000000000a7';
export const sms = (more: Partial<Sms> = {}): Sms => ({
  v: 1,
  type: 'sms',
  id: ID,
  handover: 0,
  attempts: 0,
  at: Date.now(),
  expiry: Date.now() + 3_600_000,
  traceparent: '',
  client: 'tester',
  door: 'http',
  lane: 'urgent',
  to: '491701234567',
  given: '+491701234567',
  from: '12345',
  text: 'Hello',
  segments: 1,
  ...more,
});

export async function stand(
  behaviour: Partial<Behaviour> | Modem = {},
  options: Partial<SetupOptions> = {},
): Promise<Stand> {
  const modem = behaviour instanceof Modem ? behaviour : new Modem(behaviour);
  const lists = {
    incoming: [] as Incoming[],
    reports: [] as StatusReport[],
    warnings: [] as string[],
    ended: [] as string[],
  };
  const broker = { confirmed: Promise.resolve() };
  const warn = (reason: string) => void lists.warnings.push(reason);
  let inbox: Inbox | undefined;
  const at = openAt(
    modem.duplex(),
    { answerTimeout: 1_000, submitTimeout: 1_000 },
    { unasked: (said) => inbox?.take(said), ended: (reason) => void lists.ended.push(reason) },
  );
  const ready = await setUp(at, { modemType: 'auto', warn, ...options });
  inbox = openInbox(at, ready, {
    async incoming(message) {
      lists.incoming.push(message);
      await broker.confirmed;
    },
    async statusReport(report) {
      lists.reports.push(report);
      await broker.confirmed;
    },
    warn,
  });
  const references = new References();
  const memory = { noValidity: false };
  return {
    ...lists,
    modem,
    at,
    ready,
    inbox,
    references,
    broker,
    send: (more, always = false) =>
      handOver(at, prepare(sms(more)), {
        provider: { receipts: always ? 'always' : 'asked' },
        references,
        memory,
        reports: ready.reports,
      }),
  };
}
