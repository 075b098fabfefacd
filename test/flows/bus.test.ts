// The bus rule against a real broker: confirmed publishing, returns, poison, dead letters, cut connections, claims.
import { type ChannelModel, connect } from 'amqplib';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import { declareTopology } from '#shared/bus/declared.ts';
import { NotTaken } from '#shared/bus/publish.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import { newId } from '#shared/messages/id.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { deadQueue, egressQueue, NOTIFIER, routerQueue, topology, toQueue, toSubmit } from '#shared/topology.ts';
import { startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { emptyQueues } from '../rig/queues.ts';
import { until } from '../rig/until.ts';

const URL_ = process.env.AMQP_URL!;
const QUEUE = egressQueue('bus-test', 'bulk');
const wanted = topology(['bus-test']);
let bus: Bus;
let model: ChannelModel;

beforeAll(async () => {
  await declareTopology(URL_, wanted);
  bus = await openBus(URL_, 'bus-test', openLog('bus-test'));
  model = await connect(URL_);
});
afterAll(async () => {
  await bus.close();
  await model.close();
  await emptyQueues(URL_, wanted);
});
beforeEach(() => emptyQueues(URL_, wanted));

const sms = (change: Partial<Sms> = {}): Sms => ({
  v: 1,
  type: 'sms',
  id: newId(),
  handover: 0,
  attempts: 0,
  expiry: Date.now() + 60_000,
  at: Date.now(),
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  client: 'c',
  door: 'http',
  lane: 'bulk',
  to: '447700900123',
  given: '447700900123',
  from: '1',
  text: 'x',
  segments: 1,
  ...change,
});
const waiting = async (queue: string) => {
  const channel = await model.createChannel();
  const { messageCount } = await channel.checkQueue(queue);
  await channel.close();
  return messageCount;
};
const takeOne = async (queue: string) => {
  const channel = await model.createChannel();
  const message = await until(`a message on ${queue}`, () => channel.get(queue, { noAck: true }));
  await channel.close();
  return {
    body: JSON.parse(message.content.toString()),
    headers: message.properties.headers ?? {},
    type: message.properties.type,
  };
};
const consume = (handler: Parameters<Bus['consume']>[2], hold = 100) =>
  bus.consume(QUEUE, { hold, dead: 'message' }, handler);

test('the declared topology is the one that the function says', async () => {
  expect(await bus.missing(wanted)).toBeUndefined();
  expect(await bus.missing(topology(['never-declared']))).toBe(egressQueue('never-declared', 'urgent'));
});

describe('publishing', () => {
  test('one call is one AMQP message, on both queues that submit feeds', async () => {
    await bus.publish(toSubmit('bulk'), [sms(), sms()]);
    const { body, headers, type } = await takeOne(routerQueue('bulk'));
    expect(body).toHaveLength(2);
    expect(headers).toMatchObject({ v: 1, n: 2 });
    expect(type).toBe('sms');
    expect(await waiting('ledger')).toBe(1);
  });

  test('calls of one tick travel together, and each resolves', async () => {
    await Promise.all(Array.from({ length: 50 }, () => bus.publish(toQueue(QUEUE), [sms()])));
    expect(await waiting(QUEUE)).toBeLessThan(5);
  });

  test('what no queue takes is an error for a door, although the broker confirms it', async () => {
    await expect(bus.publish(toQueue('no-such-queue'), [sms()], { withinMs: 1_000 })).rejects.toThrow(NotTaken);
  });
});

describe('consuming', () => {
  test('what follows is confirmed before the message is acknowledged', async () => {
    const consumer = await consume((batch) => batch.map((envelope) => [{ to: toQueue(NOTIFIER), envelope }]));
    await bus.publish(toQueue(QUEUE), [sms(), sms(), sms()]);
    await consumer.start();
    await until('it is empty', async () => (await waiting(QUEUE)) === 0);
    await consumer.stop();
    expect(await waiting(NOTIFIER)).toBeGreaterThan(0);
  });

  test('stop waits for what is under way, and nothing is read afterwards', async () => {
    let release: () => void = () => {};
    const seen: Envelope[] = [];
    const consumer = await consume((batch) =>
      batch.map((envelope) => {
        seen.push(envelope);
        return new Promise<[]>((resolve) => {
          release = () => resolve([]);
        });
      }),
    );
    await consumer.start();
    await bus.publish(toQueue(QUEUE), [sms()]);
    await until('it is taken', () => seen.length === 1);
    let stopped = false;
    const stopping = consumer.stop().then(() => {
      stopped = true;
    });
    await bus.publish(toQueue(QUEUE), [sms()]);
    expect(stopped).toBe(false);
    release();
    await stopping;
    expect(seen).toHaveLength(1);
    expect(await waiting(QUEUE)).toBe(1);
  });

  test('about as many messages are held as wished, however large the batches', async () => {
    const held: Envelope[] = [];
    const consumer = await consume((batch) => {
      held.push(...batch);
      return batch.map(() => new Promise<[]>(() => {}));
    }, 64);
    for (let i = 0; i < 20; i++)
      await bus.publish(
        toQueue(QUEUE),
        Array.from({ length: 32 }, () => sms()),
      );
    await consumer.start();
    await until('its measure is full', () => held.length >= 64);
    await until('no more come', async () => {
      const before = held.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return held.length === before;
    });
    expect(held.length).toBeLessThan(64 + 32); // The last batch may reach beyond it.
  });

  test('what is not an envelope goes to the dead letters, the rest of its batch is handled', async () => {
    const seen: Envelope[] = [];
    const consumer = await consume((batch) => {
      seen.push(...batch);
      return batch.map(() => []);
    });
    const channel = await model.createChannel();
    channel.sendToQueue(QUEUE, Buffer.from('not json'), { persistent: true });
    const good = sms();
    channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify([{ type: 'sms', v: 1 }, good, { ...sms(), v: 7 }])), {
      persistent: true,
    });
    await consumer.start();
    await until('three are put aside', async () => (await waiting(deadQueue('message'))) === 3);
    await consumer.stop();
    expect(seen).toEqual([good]);
    const reasons = await Promise.all([1, 2, 3].map(async () => (await takeOne(deadQueue('message'))).body.reason));
    expect(reasons.toSorted()).toEqual([
      'not a JSON list',
      expect.stringMatching(/^sms: /),
      'sms: version not understood',
    ]);
    expect(await waiting(QUEUE)).toBe(0);
  });

  test('a batch in which one message makes the handler throw is split, and only that one is put aside', async () => {
    const poison = sms({ text: 'poison' });
    const done = new Set<string>();
    const consumer = await consume((batch) => {
      if (batch.some((envelope) => (envelope as Sms).text === 'poison')) throw new Error('boom');
      for (const envelope of batch) done.add((envelope as Sms).id);
      return batch.map(() => []);
    });
    await bus.publish(toQueue(QUEUE), [sms(), poison, sms()]);
    await consumer.start();
    const { body } = await takeOne(deadQueue('message'));
    expect(body).toMatchObject({ queue: QUEUE, reason: 'handler failed: boom', body: { id: poison.id } });
    await until('the others are done', () => done.size === 2);
    await consumer.stop();
  });

  test('a message that kills its reader again and again ends as a dead letter', async () => {
    await bus.publish(toQueue(QUEUE), [sms({ text: 'kills' })]);
    let deliveries = 0;
    for (let i = 0; i < 6 && (await waiting(deadQueue('message'))) === 0; i++) {
      // A reader that dies with the message in its hands: its connection ends without an acknowledgement.
      const victim = await openBus(URL_, 'victim', openLog('victim'));
      let taken = false;
      const consumer = await victim.consume(QUEUE, { hold: 10, dead: 'message' }, (batch) => {
        deliveries++;
        taken = true;
        return batch.map(() => new Promise<[]>(() => {}));
      });
      await consumer.start();
      await until('taken, or put aside', async () => taken || (await waiting(deadQueue('message'))) > 0);
      await victim.close();
    }
    expect(deliveries).toBe(4);
    expect((await takeOne(deadQueue('message'))).body).toMatchObject({ reason: 'delivered too often without an end' });
  });
});

describe('claims', () => {
  test('a slot has one holder, and is free when its connection ends', async () => {
    const other = await openBus(URL_, 'other', openLog('other'));
    const mine = await bus.tryClaim('bind.bus-test.1', () => {});
    expect(mine).toBeDefined();
    expect(await other.tryClaim('bind.bus-test.1', () => {})).toBeUndefined();
    expect(await bus.tryClaim('bind.bus-test.1', () => {})).toBeUndefined();
    await mine!.release();
    const theirs = await other.tryClaim('bind.bus-test.1', () => {});
    expect(theirs).toBeDefined();
    await other.close();
    await until('it is free', async () => (await bus.tryClaim('bind.bus-test.1', () => {})) !== undefined);
  });
});

test('a question without a service that answers ends in one line', async () => {
  await expect(bus.ask('ledger.rpc', { ask: 'paused' }, 200)).rejects.toThrow('no answer on ledger.rpc within 0.2 s');
});

test('what ends while a service stops is acknowledged before it lets go of the broker', async () => {
  const leaving = await openBus(URL_, 'bus-leaving', openLog('bus-leaving'));
  let end: (follows: []) => void = () => {};
  let taken = false;
  const consumer = await leaving.consume(QUEUE, { hold: 100, dead: 'message' }, () => {
    taken = true;
    return [
      new Promise((resolve) => {
        end = resolve;
      }),
    ];
  });
  await consumer.start();
  await bus.publish(toQueue(QUEUE), [sms()]);
  await until('it is taken', () => taken);
  const stopped = consumer.stop().then(() => leaving.close());
  // Some round trips on the connection on which it stops reading: what it holds is the last thing that it waits for.
  for (let i = 0; i < 5; i++) await (await leaving.tryClaim(`bus-leaving.${i}`, () => {}))!.release();
  end([]);
  await stopped;
  // It would be there again at once: the broker gives back what a closed connection held.
  const again: boolean[] = [];
  const next = await consume((batch, { redelivered }) => {
    again.push(redelivered);
    return batch.map(() => []);
  });
  await next.start();
  await bus.publish(toQueue(QUEUE), [sms()]);
  await until('the next one comes', () => again.includes(false));
  await next.stop();
  expect(again).toEqual([false]);
});

/** A bus whose lines to the broker go through a proxy. */
async function busThrough(use: (far: Bus, proxy: TcpProxy) => Promise<void>): Promise<void> {
  const url = new URL(URL_);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  const far = await openBus(url.href, 'bus-test', openLog('bus-test'));
  try {
    await use(far, proxy);
  } finally {
    proxy.heal();
    await far.close();
    await proxy.stop();
  }
}

test(
  'a door gives up a line on which nothing is confirmed any more, long before its heartbeat does',
  () =>
    busThrough(async (door, proxy) => {
      const publish = () => door.publish(toSubmit('urgent'), [sms({ lane: 'urgent' })], { withinMs: 500 });
      await until('one is confirmed', () => publish().then(() => true));
      proxy.freeze();
      await until('the door is closed', async () => {
        await publish().catch(() => {});
        return !door.isOpen();
      });
      proxy.heal();
      await until('the door takes messages again', () => publish().then(() => true), 20_000);
    }),
  60_000,
);

test(
  'who publishes without a deadline gives up a line that does not confirm, before its heartbeat does',
  () =>
    busThrough(async (far, proxy) => {
      await far.publish(toQueue(QUEUE), [sms()]);
      proxy.stall();
      const startedAt = performance.now();
      await far.publish(toQueue(QUEUE), [sms()]);
      expect(performance.now() - startedAt).toBeLessThan(18_000);
    }),
  60_000,
);

test('who is refused for some time comes by another connection, which may find another leader', async () => {
  const queue = 'bus-test-full';
  const full = { 'x-queue-type': 'quorum', 'x-max-length': 1, 'x-overflow': 'reject-publish' };
  const channel = await model.createChannel();
  await channel.assertQueue(queue, { durable: true, arguments: full });
  const said: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => said.push(line) });
  const far = await openBus(URL_, 'bus-test', log);
  try {
    const publish = (withinMs?: number) => far.publish(toQueue(queue), [sms()], withinMs ? { withinMs } : {});
    const isRefused = () =>
      publish(1_000).then(
        () => false,
        (error) => error instanceof NotTaken,
      );
    await until('the queue is full', () => isRefused());
    const published = publish();
    await until('it leaves', () => said.some((line) => line.includes('refuses what is published')));
    await until('it is there again', () => said.some((line) => line.includes('connected to the broker again')));
    const emptying = setInterval(() => void channel.purgeQueue(queue), 50);
    await published.finally(() => clearInterval(emptying));
  } finally {
    await far.close();
    await channel.deleteQueue(queue);
    await channel.close();
  }
}, 60_000);

test('a reader to whom the broker gives nothing of what waits comes by another connection', async () => {
  const queue = 'bus-test.starved';
  const options = { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true } };
  const channel = await model.createChannel();
  await channel.assertQueue(queue, options);
  // Another reader holds what it got: this one gets nothing, as if its deliveries had been swallowed.
  await channel.prefetch(1);
  await channel.consume(queue, () => {});
  const said: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => said.push(line) });
  const far = await openBus(URL_, 'bus-test', log);
  const got: Envelope[] = [];
  const reader = await far.consume(queue, { hold: 64, dead: 'message' }, (batch) => {
    got.push(...batch);
    return batch.map(() => []);
  });
  try {
    await reader.start();
    for (let i = 0; i < 3; i++) await far.publish(toQueue(queue), [sms()]);
    await until('it leaves', () => said.some((line) => line.includes('none is delivered')), 30_000);
    await channel.close();
    await until('it has them all', () => got.length === 3);
  } finally {
    await reader.stop();
    await far.close();
    await model.createChannel().then((last) => last.deleteQueue(queue));
  }
}, 60_000);
