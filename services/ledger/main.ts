// ledger. Reads everything that happened from the queue `ledger`, writes it to the database in batches, publishes the
// callbacks that are due to `notifier` and `deliver.<client>` and the scheduled messages that are due to `router.<lane>`,
// gives a final state to what is never heard of again, and answers look-ups on `ledger.rpc`. The only service that
// touches the database. Of several ledgers one works, the others stand by.
import { resolve } from 'node:path';
import type { Follow } from '#shared/bus/consume.ts';
import { type Context, runServices, type Service } from '#shared/service.ts';
import { tellCounts } from '#shared/telemetry/counts.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { LEDGER, LEDGER_RPC, toSubmit } from '#shared/topology.ts';
import { sendAgain, takeBack } from './answers/again.ts';
import { openAnswers } from './answers/answers.ts';
import { openOutbox } from './callbacks/outbox.ts';
import { openTelling } from './callbacks/telling.ts';
import { Fallbacks } from './clock/fallback.ts';
import { Late } from './clock/late.ts';
import { isProbe } from './clock/probe.ts';
import { cancel } from './clock/schedule.ts';
import { openWork } from './clock/work.ts';
import { openDatabase } from './database/database.ts';
import { openRecorder } from './record/record.ts';
import { openWriter } from './record/writer.ts';
import { openSeal, type Seal, secretIn } from './seal.ts';
import { holdTurn } from './turn.ts';

/** Messages and reports held at once: four transactions' worth. */
const HOLD = 2_000;
/** Whoever asks for a message to be sent again waits 5 s for the answer. */
const PUBLISH_WITHIN_MS = 3_000;
const NOTHING_FOLLOWS: readonly Follow[] = [];

export const ledger: Service = {
  name: 'ledger',
  async start({ config, dir, bus, log }: Context) {
    const file = resolve(dir, config.ledger.file);
    const url = process.env.DATABASE_URL;
    const seal = sealOf(config.ledger.key, file, url);
    const db = await openDatabase(file, url, log);
    const late = new Late();
    let mark = 0;
    const outbox = openOutbox({
      seal,
      accountOf(provider) {
        const row = config.providers[provider];
        return row?.bearer === 'smpp' ? row.systemId : '';
      },
      retries: config.callbacks.retries,
      giveUpAfter: config.callbacks.giveUpAfter,
      onUntold: (callback, reason) => void telling.putAside(callback, reason),
    });
    const fallbacks = new Fallbacks(seal);
    const recorder = openRecorder({
      fallbacks,
      outbox,
      seal,
      keepTexts: config.retention.texts !== undefined,
      receiptsWithin: config.ledger.receiptsWithin,
      formOf: (provider) => config.providers[provider]?.receiptIds,
      onFinal(state, message) {
        if (!isProbe(message)) metrics.final.inc({ state });
      },
      onReceipt: (provider, ms) => late.heard(provider, ms, Date.now()),
      onIncoming(provider) {
        metrics.incomingParts.inc({ provider });
        work.arrived();
      },
      onMark: (at) => {
        mark = Math.max(mark, at);
      },
    });
    const writer = openWriter(db, recorder, log, (callbacks) => void telling.tell(callbacks));
    const telling = openTelling({ config, bus, writer, outbox });
    const work = openWork({
      config,
      bus,
      log,
      db,
      writer,
      recorder,
      fallbacks,
      seal,
      outbox,
      late,
      telling,
      mark: () => mark,
    });
    const answers = openAnswers({
      db,
      writer,
      seal,
      onHeld: (held) => bus.announce({ kind: 'paused', ...held }),
      onSuppressed: () => work.tellSuppressed(),
      async cancel(asked) {
        const { state, ...follows } = await writer.run((sql) => cancel(sql, recorder, asked, Date.now()));
        work.afterwards(follows);
        return { state };
      },
      async again(id) {
        const made = await writer.run((sql) => sendAgain(sql, seal, id, Date.now()));
        if ('refused' in made) return made;
        try {
          await bus.publish(toSubmit(made.sms.lane), [made.sms], { withinMs: PUBLISH_WITHIN_MS });
        } catch (error) {
          await writer.run((sql) => takeBack(sql, made.sms));
          throw error;
        }
        return { id: made.sms.id };
      },
    });
    const consumer = await bus.consume(LEDGER, { hold: HOLD, dead: 'report' }, (batch) =>
      batch.map((envelope) => writer.write(envelope).then(() => NOTHING_FOLLOWS)),
    );
    let serving = false;
    const untell = tellCounts(bus, 'final');
    const turn = holdTurn(bus, log, {
      async begin() {
        mark = 0;
        await work.start(() => answers.held());
        await consumer.start();
        if (!serving) await bus.serve(LEDGER_RPC, answers.answer);
        serving = true;
      },
      async end() {
        work.stop();
        await consumer.stop();
      },
    });
    await turn.firstTry;
    return {
      notReady: () => writer.trouble(),
      async stop() {
        untell();
        await turn.stop();
        await writer.close();
        await db.close();
      },
    };
  },
};

function sealOf(key: string | undefined, file: string, url: string | undefined): Seal {
  if (!key && url) throw new Error('DATABASE_URL is set, so every ledger needs the same key: set ledger.key');
  return openSeal(key ?? secretIn(`${file}.key`));
}

if (import.meta.main) await runServices([ledger]);
