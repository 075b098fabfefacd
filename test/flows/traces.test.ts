// One trace per message, from the door to the receipt, as a collector gets it over OTLP.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '#shared/config/load.ts';
import { type Host, hostServices } from '#shared/service.ts';
import { notifier } from '../../services/notifier/main.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { until } from '../rig/until.ts';

type Value = { stringValue?: string; intValue?: number | string };
type Span = {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Value }[];
  links?: { traceId: string; spanId: string }[];
  status: { code?: number };
};
/** https://github.com/open-telemetry/opentelemetry-proto, trace.proto: SpanKind. */
const KIND = { client: 3, producer: 4, consumer: 5 };

const spans: Span[] = [];
const bodies: string[] = [];
const paths = new Set<string>();
const collector = createServer((request, answer) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    paths.add(request.url!);
    bodies.push(body);
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      const service = attribute(resource, 'service.name') as string;
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span: Span) => ({ ...span, service })));
    }
    answer.setHeader('content-type', 'application/json').end('{}');
  });
});

const attribute = ({ attributes }: Pick<Span, 'attributes'>, key: string) => {
  const value = attributes.find((each) => each.key === key)?.value;
  return value?.stringValue ?? (value?.intValue === undefined ? undefined : Number(value.intValue));
};
const named = (trace: Span[], name: string) => trace.find((span) => span.name === name)!;
const traceOf = (traceId: string) => spans.filter((span) => span.traceId === traceId);
const ofMessage = (id: string) => spans.filter((span) => attribute(span, 'messaging.message.id') === id);
const names = (trace: Span[]) => trace.map(({ service, name }) => `${service}: ${name}`).sort();

let rig: MailRig;
let receiver: Receiver;
let notified: Host;
beforeAll(async () => {
  await new Promise<void>((listening) => {
    collector.listen(0, '127.0.0.1', listening);
  });
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  process.env.OTEL_BSP_SCHEDULE_DELAY = '100';
  receiver = await startReceiver();
  rig = await startMailRig({}, (settings) => ({
    ...settings,
    providers: { sandbox: { ...(settings.providers as { sandbox: object }).sandbox, receipts: 'always' } },
    traces: { urgent: 1, bulk: 0 },
    callbacks: { allow: ['127.0.0.1'] },
    clients: { ...settings.clients, campaign: { password: 'foobar', sender: '12345', lane: 'bulk' } },
  }));
  notified = await hostServices([notifier], { loaded: loadConfig(rig.configFile), amqpUrl: rig.amqpUrl });
});
afterAll(async () => {
  await notified.stop();
  await rig.stop();
  await receiver.stop();
  collector.close();
});

test('a mail that becomes an SMS with a receipt is one trace with the right parents', async () => {
  const reply = await rig.mail(['447700900321@otp.example'], 'Subject: x\r\n\r\nYour code is nightingale');
  expect(reply.code).toBe(250);
  const receipt = await until('the receipt is traced', () => spans.find(({ name }) => name === 'process receipt'));
  const trace = await until('five spans', () => {
    const found = traceOf(receipt.traceId);
    return found.length >= 5 ? found : undefined;
  });
  expect(names(trace)).toEqual([
    'egress-smpp: process egress.sandbox.urgent',
    'egress-smpp: submit sandbox',
    'ingress-smtp: send submit',
    'ledger: process receipt',
    'router: process router.urgent',
  ]);

  const door = named(trace, 'send submit');
  const routed = named(trace, 'process router.urgent');
  const egress = named(trace, 'process egress.sandbox.urgent');
  const submit = named(trace, 'submit sandbox');
  expect(door.parentSpanId ?? '').toBe('');
  expect(routed.parentSpanId).toBe(door.spanId);
  expect(egress.parentSpanId).toBe(routed.spanId);
  expect(submit.parentSpanId).toBe(egress.spanId);
  expect(receipt.parentSpanId).toBe(door.spanId);
  expect([door.kind, routed.kind, egress.kind, submit.kind, receipt.kind]).toEqual([
    KIND.producer,
    KIND.consumer,
    KIND.consumer,
    KIND.client,
    KIND.consumer,
  ]);

  const id = attribute(door, 'messaging.message.id');
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  for (const span of trace) {
    expect(attribute(span, 'messaging.message.id'), span.name).toBe(id);
    expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano), span.name).toBe(true);
  }
  expect(attribute(door, 'messaging.system')).toBe('rabbitmq');
  expect(attribute(door, 'messaging.operation.type')).toBe('send');
  expect(attribute(door, 'messaging.destination.name')).toBe('submit');
  expect(attribute(door, 'messaging.rabbitmq.destination.routing_key')).toBe('urgent');
  expect(attribute(door, 'hermod.door')).toBe('smtp');
  expect(attribute(routed, 'messaging.operation.type')).toBe('process');
  expect(attribute(routed, 'hermod.provider')).toBe('sandbox');
  expect(attribute(egress, 'hermod.outcome')).toBe('done');
  expect(attribute(receipt, 'hermod.receipt.state')).toBe('delivered');
});

test("recipients of one request travel together: the batch's span links to each message", async () => {
  const { ids } = await rig.send({ to: '447700900322 447700900323 447700900324', text: 'together' });
  expect(ids).toHaveLength(3);
  const batch = await until('the batch is traced', () =>
    spans.find(({ name, links }) => name === 'receive router.urgent' && links?.length === 3),
  );
  expect(batch.kind).toBe(KIND.consumer);
  expect(batch.service).toBe('router');
  expect(attribute(batch, 'messaging.batch.message_count')).toBe(3);
  const doors = await until('each message has its own trace', () => {
    const found = ids.map((id) => ofMessage(id).find(({ name }) => name === 'send submit'));
    return found.every(Boolean) ? (found as Span[]) : undefined;
  });
  const linked = batch.links!.map(({ traceId, spanId }) => `${traceId} ${spanId}`);
  expect(linked.sort()).toEqual(doors.map(({ traceId, spanId }) => `${traceId} ${spanId}`).sort());
  expect(new Set(doors.map(({ traceId }) => traceId)).size).toBe(3);
});

test("a client's own trace goes on to its callback; a lane that is not sampled leaves none, whatever the client says", async () => {
  const send = (username: string, to: string, trace: string) => {
    const query = new URLSearchParams({ username, password: 'foobar', to, text: 'x', 'dlr-mask': '1' });
    query.set('dlr-url', `http://127.0.0.1:${receiver.port}/told`);
    const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
    return fetch(`${rig.httpUrl}/cgi-bin/sendsms?${query}`, { headers });
  };
  const [bulk, urgent] = ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '4bf92f3577b34da6a3ce929d0e0e4736'] as const;
  expect((await send('campaign', '447700900326', bulk)).status).toBe(202);
  await until('it was told', () => receiver.seen.length > 0);
  expect((await send('tester', '447700900325', urgent)).status).toBe(202);
  const callback = await until('the callback is traced', () => traceOf(urgent).find(({ name }) => name === 'GET'));
  const door = named(traceOf(urgent), 'send submit');
  expect(door.parentSpanId).toBe('00f067aa0ba902b7');
  expect(callback.parentSpanId).toBe(door.spanId);
  expect(callback.service).toBe('notifier');
  expect(attribute(callback, 'server.address')).toBe('127.0.0.1');
  expect(traceOf(bulk)).toEqual([]);
});

test('no text, no number and no recipient of any form is in what the collector got', () => {
  expect([...paths]).toEqual(['/v1/traces']);
  const all = bodies.join('\n');
  expect(all).not.toMatch(/44770090032\d/);
  expect(all).not.toContain('nightingale');
  expect(all).not.toContain('together');
});
