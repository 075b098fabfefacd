// Callbacks on their way out of the outbox: to the notifier, to a client's SMPP sessions, or, when the client will not be
// told, to the dead letters.
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { type Callback, SMPP_SCHEME } from '#shared/messages/callback.ts';
import { deliverQueue, NOTIFIER, toQueue } from '#shared/topology.ts';
import { readSheet } from '../record/read.ts';
import { withoutText } from '../record/receipts.ts';
import type { Writer } from '../record/writer.ts';
import type { Outbox } from './outbox.ts';

/** One slow receiver keeps a whole AMQP message from being acknowledged: few others should be in it. */
const CALLBACKS_IN_BATCH = 4;
/** More of those that have one receiver. */
const OF_ONE_RECEIVER = 32;

export type Telling = {
  /** Publishes what the outbox gave as going out. */
  tell(callbacks: readonly Callback[]): Promise<void>;
  putAside(callback: Callback, untold: string): Promise<void>;
};
export type TellingOptions = { config: Config; bus: Bus; writer: Pick<Writer, 'run'>; outbox: Outbox };

export function openTelling({ config, bus, writer, outbox }: TellingOptions): Telling {
  /** Those of a client that is no more go to the notifier, which says that it cannot deliver them. */
  const isForSession = ({ url, client }: Callback) =>
    url.startsWith(SMPP_SCHEME) && config.listen.smpp !== undefined && Object.hasOwn(config.clients, client);

  function publish(items: Callback[]): Promise<void> {
    const { client } = items[0]!;
    return isForSession(items[0]!)
      ? bus.publish(toQueue(deliverQueue(client)), items, {
          mostInBatch: OF_ONE_RECEIVER,
          expiration: config.callbacks.giveUpAfter,
        })
      : bus.publish(toQueue(NOTIFIER), items, { mostInBatch: CALLBACKS_IN_BATCH });
  }

  async function tell(callbacks: readonly Callback[]): Promise<void> {
    const receivers = [...Map.groupBy(callbacks, receiverOf).values()];
    await Promise.all(receivers.flatMap((items) => inParts(items, OF_ONE_RECEIVER)).map(publish));
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

/** Client, scheme and host: as the URL stands, with its escapes. */
const receiverOf = ({ client, url }: Callback) => [client, ...url.split('/', 3)].join('/');

const inParts = <T>(items: readonly T[], most: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / most) }, (_, i) => items.slice(i * most, (i + 1) * most));
