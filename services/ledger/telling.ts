// Callbacks on their way out of the outbox: to the notifier, to a client's SMPP sessions, or, when the client will not be
// told, to the dead letters.
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { type Callback, SMPP_SCHEME } from '#shared/messages/callback.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { deliverQueue, NOTIFIER, toQueue } from '#shared/topology.ts';
import { type Outbox, published } from './outbox.ts';
import { readSheet } from './read.ts';
import { withoutText } from './receipts.ts';
import type { Writer } from './writer.ts';

/** One slow receiver keeps a whole AMQP message from being acknowledged: few others should be in it. */
const CALLBACKS_IN_BATCH = 4;
/** For SMPP it is the same session that takes them all. */
const RECEIPTS_IN_BATCH = 32;

export type Telling = {
  /** Publishes what is not under way yet, and notes in the outbox what is out. */
  tell(callbacks: readonly Callback[]): Promise<void>;
  putAside(callback: Callback, untold: string): Promise<void>;
};
export type TellingOptions = { config: Config; bus: Bus; log: Log; writer: Pick<Writer, 'run'>; outbox: Outbox };

export function openTelling({ config, bus, log, writer, outbox }: TellingOptions): Telling {
  /** Those of a client that is no more go to the notifier, which says that it cannot deliver them. */
  const isForSession = ({ url, client }: Callback) =>
    url.startsWith(SMPP_SCHEME) && config.listen.smpp !== undefined && Object.hasOwn(config.clients, client);

  const publish = (item: Callback) =>
    isForSession(item)
      ? bus.publish(toQueue(deliverQueue(item.client)), [item], {
          mostInBatch: RECEIPTS_IN_BATCH,
          expiration: config.callbacks.giveUpAfter,
        })
      : bus.publish(toQueue(NOTIFIER), [item], { mostInBatch: CALLBACKS_IN_BATCH });

  const underWay = new Set<number>();
  async function tell(callbacks: readonly Callback[]): Promise<void> {
    const fresh = callbacks.filter(({ callback }) => !underWay.has(callback));
    if (fresh.length === 0) return;
    for (const { callback } of fresh) underWay.add(callback);
    await Promise.all(fresh.map(publish));
    await writer
      .run((sql) => published(sql, fresh))
      .catch((error) => log.error({ reason: reasonOf(error) }, 'callbacks that are out may go out twice'));
    for (const { callback } of fresh) underWay.delete(callback);
  }

  const leaving = new Set<number>();
  async function putAside(callback: Callback, untold: string): Promise<void> {
    if (leaving.has(callback.callback)) return;
    leaving.add(callback.callback);
    const values = { ...callback.values, text: withoutText(callback.values.text) };
    // Sent again by hand it is another try, not a repeat of the last one.
    const body = { ...callback, tries: callback.tries + 1, values, untold };
    await bus.putAside('callback', { queue: NOTIFIER, reason: 'the client was not told', body });
    const next = await writer.run(async (sql) => {
      const sheet = await readSheet(sql, [], { ids: [callback.id] });
      const callbacks = outbox.dropped(sheet, callback, Date.now());
      await sheet.write(sql);
      return callbacks;
    });
    leaving.delete(callback.callback);
    await tell(next);
  }
  return { tell, putAside };
}
