// ledger. Reads everything that happened from the queue `ledger`, writes it to the database in batches, publishes the
// callbacks that are due to `notifier` and `deliver.<client>`, and answers look-ups on `ledger.rpc`. The only service
// that touches the database.
import { resolve } from 'node:path';
import { type Callback, SMPP_SCHEME } from '#shared/messages/callback.ts';
import { type Context, runServices, type Service } from '#shared/service.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { deliverQueue, LEDGER, LEDGER_RPC, NOTIFIER, toQueue } from '#shared/topology.ts';
import { openAnswers } from './answers.ts';
import { openDatabase } from './database.ts';
import { openRecorder, withoutText } from './record.ts';
import { openSeal, secretIn } from './seal.ts';
import { openWriter } from './writer.ts';

/** Messages and reports held at once: four transactions' worth. */
const HOLD = 2_000;
/** One slow receiver keeps a whole AMQP message from being acknowledged: few others should be in it. */
const CALLBACKS_IN_BATCH = 4;
/** For SMPP it is the same session that takes them all. */
const RECEIPTS_IN_BATCH = 32;
const DUE_EVERY_MS = 1_000;
const DUE_AT_ONCE = 1_000;
const NEWS_EVERY_MS = 2_000;

export const ledger: Service = {
  name: 'ledger',
  async start({ config, dir, bus, log }: Context) {
    const file = resolve(dir, config.ledger.file);
    const db = openDatabase(file);
    const seal = openSeal(config.ledger.key ?? secretIn(`${file}.key`));
    const accountOf = (provider: string) => {
      const row = config.providers[provider];
      return row?.bearer === 'smpp' ? row.systemId : '';
    };
    const recorder = openRecorder(db, {
      seal,
      accountOf,
      retries: config.callbacks.retries,
      giveUpAfter: config.callbacks.giveUpAfter,
      onFinal: (state) => metrics.final.inc({ state }),
      onUntold: (callback, reason) => void putAside(callback, reason),
    });
    const writer = openWriter(db, recorder, log);
    const announce = (providers: string[]) => bus.announce({ kind: 'paused', providers });
    const answers = openAnswers(db, announce);

    /** Those of a client that is no more go to the notifier, which says that it cannot deliver them. */
    const isForSession = ({ url, client }: Callback) =>
      url.startsWith(SMPP_SCHEME) && config.listen.smpp !== undefined && Object.hasOwn(config.clients, client);

    const underWay = new Set<number>();
    const tell = async (callbacks: readonly Callback[]) => {
      const fresh = callbacks.filter(({ callback }) => !underWay.has(callback));
      if (fresh.length === 0) return;
      for (const { callback } of fresh) underWay.add(callback);
      await Promise.all(
        fresh.map((item) =>
          isForSession(item)
            ? bus.publish(toQueue(deliverQueue(item.client)), [item], {
                mostInBatch: RECEIPTS_IN_BATCH,
                expiration: config.callbacks.giveUpAfter,
              })
            : bus.publish(toQueue(NOTIFIER), [item], { mostInBatch: CALLBACKS_IN_BATCH }),
        ),
      );
      await writer.run(() => recorder.published(fresh));
      for (const { callback } of fresh) underWay.delete(callback);
    };

    const leaving = new Set<number>();
    const putAside = async (callback: Callback, untold: string) => {
      if (leaving.has(callback.callback)) return;
      leaving.add(callback.callback);
      const values = { ...callback.values, text: withoutText(callback.values.text) };
      // Sent again by hand it is another try, not a repeat of the last one.
      const body = { ...callback, tries: callback.tries + 1, values, untold };
      await bus.putAside('callback', { queue: NOTIFIER, reason: 'the client was not told', body });
      const next = await writer.run(() => recorder.dropped(callback, Date.now()));
      leaving.delete(callback.callback);
      await tell(next);
    };

    const consumer = await bus.consume(LEDGER, { hold: HOLD, dead: 'report' }, (batch) =>
      batch.map(async (envelope) => {
        const callbacks = await writer.write(envelope);
        if (callbacks.length > 0) void tell(callbacks);
        return [];
      }),
    );
    const dueTimer = setInterval(() => {
      if (!writer.trouble()) void tell(recorder.due(Date.now(), DUE_AT_ONCE));
    }, DUE_EVERY_MS);
    const newsTimer = setInterval(() => announce(answers.paused()), NEWS_EVERY_MS);
    await bus.serve(LEDGER_RPC, answers.answer);
    await consumer.start();
    return {
      notReady: () => writer.trouble(),
      async stop() {
        await consumer.stop();
        clearInterval(dueTimer);
        clearInterval(newsTimer);
        writer.flush();
        db.close();
      },
    };
  },
};

if (import.meta.main) await runServices([ledger]);
