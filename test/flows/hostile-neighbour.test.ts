// A hostile neighbour on the broker: whoever may publish there sends what is no message, to every queue, as news, as a
// question and as an answer. Nothing stops, nothing is sent, and what came is put aside for a person.
import { type ChannelModel, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBus } from '#shared/bus/bus.ts';
import { loadConfig } from '#shared/config/load.ts';
import { newId } from '#shared/messages/id.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { LEDGER_RPC, toHealth, topologyOf } from '#shared/topology.ts';
import { SERVICES } from '../../deploy/services.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** What is no envelope, no news and no question: nothing at all, no JSON, JSON of other shapes, names that JavaScript knows. */
const POISON = [
  '',
  'no JSON',
  'null',
  '0',
  '"text"',
  '{}',
  '[null]',
  '[[[]]]',
  '[{"v":1,"type":"sms"}]',
  '[{"v":1,"type":"sms","id":{"toString":1},"to":["447700900666"],"client":"__proto__"}]',
  '[{"v":99,"type":"report","kind":"final"}]',
  '[{"__proto__":{"v":1,"type":"sms"},"constructor":{"prototype":{"polluted":true}}}]',
  '{"kind":"provider","provider":"__proto__","worker":"x"}',
  '{"kind":"paused","providers":"all"}',
  '{"kind":"ask","what":"everything"}',
  '{"ask":"message","id":{"$ne":1}}',
  '{"ask":"__proto__"}',
  '{"ask":"list","client":"tester\' or 1=1 --","limit":1e308}',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  `["${'x'.repeat(300_000)}"]`,
  Buffer.from([0xff, 0xfe, 0x00, 0x80]).toString('latin1'),
];
/** A message as it should be, but for a field that nests deeper than JSON can be written; alone, and in a batch. */
const deep = () => {
  const at = Date.now();
  const more = { client: 'tester', door: 'http', lane: 'urgent', from: '1', text: 'x', handover: 1, attempts: 0 };
  const head = { v: 1, type: 'sms', id: newId(), at, to: '447700900666', given: 'x', ...more };
  const one = JSON.stringify({ ...head, expiry: at - 1, segments: 1, traceparent: '' });
  const nested = one.replace('{', `{"more":${'['.repeat(20_000)}${']'.repeat(20_000)},`);
  return [`[${nested}]`, `[${nested},${nested.replace(head.id, newId())}]`];
};
const HEADERS = [
  {},
  {
    type: 'sms',
    headers: { v: 'x', 'x-delivery-count': 'many', 'x-death': 'none' },
    timestamp: 1e15,
    expiration: '60000',
  },
  { type: 'dead', replyTo: 'amq.rabbitmq.reply-to.none', correlationId: 'x'.repeat(200) },
];

let rig: Rig;
let neighbour: ChannelModel;
beforeAll(async () => {
  const [smpp, console_] = [await freePort(), await freePort()];
  const names = ['ledger', 'notifier', 'router', 'egress-smpp', 'ingress-smpp', 'ingress-http', 'console'];
  rig = await startRig({
    services: await Promise.all(names.map((name) => SERVICES[name]!())),
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smpp: { port: smpp }, console: { port: console_ } },
    }),
  });
  neighbour = await connect(rig.amqpUrl);
  neighbour.on('error', () => {});
}, 60_000);
afterAll(async () => {
  await neighbour?.close().catch(() => {});
  await rig?.stop();
});

test('poison in every queue, as news and as questions: nothing stops and nothing is sent', async () => {
  const channel = await neighbour.createConfirmChannel();
  const { queues } = topologyOf(loadConfig(rig.configFile).config);
  for (const properties of HEADERS) {
    for (const body of [...POISON, ...deep()]) {
      const content = Buffer.from(body, 'latin1');
      for (const { name } of queues) channel.sendToQueue(name, content, properties);
      channel.publish(toHealth.exchange, toHealth.key, content, properties);
    }
  }
  await channel.waitForConfirms();

  const { ids, status } = await rig.send({ to: '447700900411', text: 'still here', 'dlr-mask': '31' });
  expect(status).toBe(202);
  expect(await rig.final(ids[0]!, 20_000)).toMatchObject({ state: 'delivered' });
  expect(rig.smsc.received.map(({ dest }) => dest.addr)).toEqual(['447700900411']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  const put = await until('all of it is put aside', async () => {
    const { messageCount } = await channel.checkQueue('dead.message');
    return messageCount > POISON.length && messageCount;
  });
  expect(put).toBeGreaterThan(POISON.length);
}, 60_000);

test('a forged answer to a question is not believed, and one that is no answer stops nothing', async () => {
  const bus = await openBus(rig.amqpUrl, 'test', openLog('test'));
  const seen: string[] = [];
  // A question to a queue of our own shows where its answer is expected.
  const channel = await neighbour.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.consume(
    queue,
    (message) => {
      const { replyTo, correlationId } = message!.properties;
      seen.push(correlationId);
      for (const body of POISON) channel.sendToQueue(replyTo, Buffer.from(body), { correlationId: 'another' });
      for (const body of POISON.slice(0, 3)) channel.sendToQueue(replyTo, Buffer.from(body), { correlationId });
      channel.sendToQueue(replyTo, Buffer.from('{"value":"forged"}'), { correlationId: 'another' });
      channel.sendToQueue(replyTo, Buffer.from('{"value":"right"}'), { correlationId });
    },
    { noAck: true },
  );
  expect(await bus.ask(queue, {}, 3_000)).toBe('right');
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(await bus.ask(LEDGER_RPC, { ask: 'paused' })).toEqual([]);
  await bus.close();
});
