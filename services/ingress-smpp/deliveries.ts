// Receipts and incoming messages of one client: read from its queue while a session of its can take them, sent as deliver_sm on whichever has
// room, and reported `told` to the ledger, whose outbox repeats what was not taken.
import type { PduFields } from 'smpp';
import type { Bus } from '#shared/bus/bus.ts';
import type { Consumer, Follow } from '#shared/bus/consume.ts';
import type { Callback } from '#shared/messages/callback.ts';
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { STATUS, statusName } from '#shared/smpp/library.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { deliverQueue, toQueue, toReport } from '#shared/topology.ts';
import type { IdForm } from './ids.ts';
import { incomingFields } from './incoming.ts';
import { receiptFields } from './receipts.ts';
import type { Delivered } from './session.ts';

/** What a session is to this. */
export type Receiver = {
  readonly delivering: number;
  deliver(fields: PduFields, answered: (answer: Delivered) => void): void;
};

export type DeliveriesOptions = {
  client: string;
  /** Unanswered deliver_sm of a session. */
  window: number;
  messageIds: IdForm;
  /** Ms until what no session took is given up. */
  giveUpAfter: number;
  bus: Bus;
};

type Told = Pick<ReportOf<'told'>, 'ok' | 'reason' | 'permanent'>;
type Item = { callback: Callback; settle: (told: Told | 'not sent') => void };

/** The client will never take it. */
const PERMANENT = new Set([STATUS.RX_P_APPN!, STATUS.RX_R_APPN!]);
/** Receipts held at once: enough that the time until the told ones are confirmed does not slow the session down. */
const HOLD = 500;
/** Receipts that were told, so that one that the bus delivers again is not a second deliver_sm. */
const MOST_REMEMBERED = 100_000;

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #receivers = new Set<Receiver>();
  readonly #waiting: Item[] = [];
  readonly #underWay = new Map<string, Promise<Follow[]>>();
  readonly #told = new Map<string, Told>();
  #consumer: Promise<Consumer> | undefined;
  #stopped = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  async join(receiver: Receiver): Promise<void> {
    if (this.#stopped) return;
    this.#receivers.add(receiver);
    const { bus, client } = this.#options;
    this.#consumer ??= bus.consume(deliverQueue(client), { hold: HOLD, dead: 'callback' }, (batch) =>
      batch.map((envelope) => this.#take(envelope as Callback)),
    );
    const consumer = await this.#consumer;
    if (this.#receivers.size > 0) await consumer.start();
  }

  /** What is on its way on this session was answered as lost before. */
  async leave(receiver: Receiver): Promise<void> {
    this.#receivers.delete(receiver);
    if (this.#receivers.size === 0) await this.#rest();
  }

  /** Sends nothing more; resolves when what is on its way is answered or lost. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#receivers.clear();
    await this.#rest();
  }

  async #rest(): Promise<void> {
    const consumer = await this.#consumer;
    if (this.#receivers.size > 0) return;
    const stopped = consumer?.stop();
    for (const { settle } of this.#waiting.splice(0)) settle('not sent');
    await stopped;
  }

  #take(callback: Callback): Promise<Follow[]> {
    const key = `${callback.callback}/${callback.tries}`;
    const before = this.#told.get(key);
    if (before) return Promise.resolve([reportOf(callback, before)]);
    let follows = this.#underWay.get(key);
    if (!follows) {
      follows = this.#deliver(callback, key).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, follows);
    }
    return follows;
  }

  async #deliver(callback: Callback, key: string): Promise<Follow[]> {
    const told = await new Promise<Told | 'not sent'>((settle) => {
      this.#waiting.push({ callback, settle });
      this.#pump();
    });
    const { client, giveUpAfter } = this.#options;
    if (told === 'not sent')
      return [{ to: toQueue(deliverQueue(client)), envelope: callback, expiration: giveUpAfter }];
    this.#remember(key, told);
    const outcome = told.ok ? 'ok' : told.permanent ? 'refused' : 'failed';
    metrics.callbacks.inc({ outcome });
    logAccess({ event: 'callback', id: callback.id, client, door: 'smpp', state: outcome, reason: told.reason });
    return [reportOf(callback, told)];
  }

  /** Sends what waits, each on the session with most room. */
  #pump(): void {
    while (this.#waiting.length > 0) {
      const receiver = this.#freest();
      if (!receiver) return;
      const { callback, settle } = this.#waiting.shift()!;
      let fields: PduFields;
      try {
        const { incoming } = callback;
        fields = incoming ? incomingFields(callback, incoming) : receiptFields(callback, this.#options.messageIds);
      } catch (error) {
        settle({ ok: false, permanent: true, reason: (error as Error).message });
        continue;
      }
      receiver.deliver(fields, (answer) => {
        settle(toldBy(answer));
        this.#pump();
      });
    }
  }

  #freest(): Receiver | undefined {
    let freest: Receiver | undefined;
    for (const receiver of this.#receivers) {
      if (receiver.delivering < (freest?.delivering ?? this.#options.window)) freest = receiver;
    }
    return freest;
  }

  #remember(key: string, told: Told): void {
    this.#told.set(key, told);
    if (this.#told.size > MOST_REMEMBERED) this.#told.delete(this.#told.keys().next().value!);
  }
}

function toldBy(answer: Delivered): Told {
  if (answer === 'lost') return { ok: false, reason: 'no answer to the deliver_sm' };
  if (answer === STATUS.ROK) return { ok: true, reason: 'deliver_sm_resp' };
  return { ok: false, reason: statusName(answer), ...(PERMANENT.has(answer) ? { permanent: true } : {}) };
}

function reportOf({ callback, tries }: Callback, told: Told): Follow {
  const head = { v: VERSION.report, type: 'report', kind: 'told', at: Date.now() } as const;
  return { to: toReport('told'), envelope: { ...head, callback, tries, ...told } };
}
