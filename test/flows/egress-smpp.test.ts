// egress-smpp against an SMSC that behaves and one that does not: PDUs, answers, receipts, binds.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { openBus } from '#shared/bus/bus.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { toSubmit } from '#shared/topology.ts';
import { startSmsc } from '../../services/sandbox/smsc.ts';
import { newAuthority } from '../rig/certificates.ts';
import { type Rig, type RigOptions, startRig } from '../rig/rig.ts';
import { smsAt } from '../rig/story.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
afterEach(() => rig?.stop());

const start = async (options: RigOptions = {}) => {
  rig = await startRig(options);
  return rig;
};
/** The standard settings with the sandbox provider changed. */
const provider =
  (change: Record<string, unknown>): RigOptions['settings'] =>
  (standard) => ({
    ...standard,
    providers: { sandbox: { ...(standard.providers.sandbox as object), ...change } },
  });
const taken = () => rig.smsc.received.filter(({ commandStatus }) => commandStatus === 0);
const send = async (parameters: Record<string, string> = {}) => {
  const answer = await rig.send({ to: '+447700900123', text: 'hello', ...parameters });
  expect(answer).toMatchObject({ status: 202, body: '0: Accepted for delivery' });
  return answer.ids[0]!;
};
const sendMany = (count: number, parameters: Record<string, string> = {}) =>
  Promise.all(
    Array.from({ length: count }, (_, i) => send({ to: `+4477009${String(i).padStart(5, '0')}`, ...parameters })),
  );

describe('PDUs', () => {
  test('a long text goes out in parts with a UDH, one reference, a receipt asked of the first only', async () => {
    await start();
    const id = await send({ text: 'a'.repeat(200), 'dlr-mask': '3' });
    await until('both parts', () => taken().length === 2);
    const [first, second] = taken();
    expect(first).toMatchObject({ esmClass: 0x43, registeredDelivery: 1, dataCoding: 0 });
    expect(second).toMatchObject({ esmClass: 0x43, registeredDelivery: 0 });
    expect(first!.shortMessage.subarray(0, 3).toString('hex')).toBe('050003');
    expect([...first!.shortMessage.subarray(4, 6), ...second!.shortMessage.subarray(4, 6)]).toEqual([2, 1, 2, 2]);
    expect(first!.shortMessage[3]).toBe(second!.shortMessage[3]);
    expect(first!.shortMessage).toHaveLength(159);
    expect(await rig.final(id)).toMatchObject({ state: 'delivered', segments: 2 });
  });

  test('what is outside GSM 03.38 goes out as UCS-2', async () => {
    await start();
    await send({ text: 'При' });
    const pdu = await until('the PDU', () => taken()[0]);
    expect(pdu).toMatchObject({ dataCoding: 8, dest: { ton: 1, npi: 1, addr: '447700900123' } });
    expect(pdu.shortMessage.toString('hex')).toBe('041f04400438');
  });

  test('validity and priority are told to the provider when the client asked', async () => {
    await start();
    await send({ validity: '10', priority: '2' });
    const pdu = await until('the PDU', () => taken()[0]);
    expect(pdu).toMatchObject({ priorityFlag: 2, scheduleDeliveryTime: '' });
    expect(pdu.validityPeriod).toMatch(/^\d{12}000\+$/);
  });

  test.each([
    ['sar', 2],
    ['payload', 1],
  ])('long messages by %s', async (longMessages, count) => {
    await start({ settings: provider({ longMessages }) });
    await send({ text: 'b'.repeat(200) });
    await until('all parts', () => taken().length === count);
    expect(Buffer.concat(taken().map(({ shortMessage }) => shortMessage)).toString()).toBe('b'.repeat(200));
  });
});

describe('answers', () => {
  test('a refused number ends as rejected, with the status as the reason', async () => {
    await start({ smsc: { reject: [{ prefix: '4477', status: 0x0b }] } });
    expect(await rig.final(await send())).toMatchObject({
      state: 'rejected',
      reason: expect.stringContaining('0x0000000b'),
    });
    expect(rig.smsc.received).toHaveLength(1);
  });

  test('throttled messages go out again, each once', async () => {
    await start({ smsc: { throttleShare: 0.1 } });
    const ids = await sendMany(100);
    await until('all are at the SMSC', () => taken().length === 100, 20_000);
    for (const id of ids) await rig.final(id);
    expect(new Set(taken().map(({ dest }) => dest.addr)).size).toBe(100);
  });

  test('a transient answer is tried again after a step', async () => {
    await start({ smsc: { rejectNext: { count: 1, status: 0x08 } } });
    const id = await send();
    expect(await rig.final(id)).toMatchObject({ state: 'sent' });
    expect(rig.smsc.received.map(({ commandStatus }) => commandStatus)).toEqual([0x08, 0]);
    expect(await rig.message(id)).toMatchObject({
      attempts: [
        { outcome: 'retry', handover: 0 },
        { outcome: 'submitted', handover: 1 },
      ],
    });
  });

  test('answered twice counts once', async () => {
    await start({ smsc: { answerTwice: true } });
    const ids = await sendMany(20);
    for (const id of ids) expect(await rig.final(id)).toMatchObject({ state: 'sent' });
    expect(taken()).toHaveLength(20);
  });

  test('an answer that never comes is unknown: sent again, or parked when the provider says so', async () => {
    await start({ smsc: { silentNext: 1 }, settings: provider({ responseTimeout: '1s', onUnknown: 'park' }) });
    expect(await rig.final(await send(), 15_000)).toMatchObject({ state: 'unknown', provider: 'sandbox' });
    await rig.stop();
    await start({ smsc: { silentNext: 1 }, settings: provider({ responseTimeout: '1s' }) });
    expect(await rig.final(await send(), 15_000)).toMatchObject({ state: 'sent' });
    expect(rig.smsc.received).toHaveLength(2);
    const { values } = await metrics.possibleRepeats.get();
    expect(values).toContainEqual({ labels: { provider: 'sandbox', cause: 'no answer' }, value: expect.any(Number) });
  });

  test('a line that drops under load loses nothing', async () => {
    await start({ smsc: { respDelayMs: 20 }, settings: provider({ window: 10 }) });
    const sending = sendMany(200);
    await until('half are taken', () => taken().length > 60);
    rig.smsc.dropAll();
    const ids = await sending;
    for (const id of ids) await rig.final(id, 20_000);
    const numbers = taken().map(({ dest }) => dest.addr);
    expect(new Set(numbers).size).toBe(200);
    expect(numbers.length - 200).toBeLessThanOrEqual(10);
  });
});

describe('receipts', () => {
  const cases: [string, RigOptions['smsc']][] = [
    ['in the usual form', {}],
    ['in hex where the answer was decimal', { idForm: 'decimal', receipts: { afterMs: 20, idForm: 'hex' } }],
    ['before the answer', { respDelayMs: 100, receipts: { beforeAnswer: true } }],
    ['twice', { receipts: { afterMs: 20, twice: true } }],
    ['by TLVs alone', { receipts: { afterMs: 20, tlvs: true, text: false } }],
  ];
  test.each(cases)('%s', async (_name, smsc) => {
    await start({ smsc });
    const id = await send({ 'dlr-mask': '3' });
    expect(await rig.final(id)).toMatchObject({ state: 'delivered' });
  });

  test('a receipt that says undelivered ends as failed, with the word of the provider', async () => {
    await start({ smsc: { receipts: { afterMs: 20, state: 'UNDELIV', error: '001' } } });
    expect(await rig.final(await send({ 'dlr-mask': '3' }))).toMatchObject({
      state: 'failed',
      reason: 'receipt: UNDELIV 001',
    });
  });

  test('they are acknowledged only after the broker confirmed, and come on the receiver of a split bind', async () => {
    await start({ settings: provider({ bindAs: 'transmitter+receiver' }) });
    expect(await rig.final(await send({ 'dlr-mask': '3' }))).toMatchObject({ state: 'delivered' });
    await until('acknowledged', () => rig.smsc.counters().deliveries.acknowledged === 1);
  });
});

describe('one account in several places', () => {
  test('the next host takes over when the first goes away, and its receipts are matched', async () => {
    const second = await startSmsc({ keep: 0, receipts: { afterMs: 20 } });
    try {
      await start({ settings: provider({ otherHosts: [`127.0.0.1:${second.port}`] }) });
      expect(await rig.final(await send())).toMatchObject({ state: 'sent' });
      rig.smsc.set({ refuseBinds: 0x0d });
      rig.smsc.dropAll();
      expect(await rig.final(await send({ 'dlr-mask': '3' }), 15_000)).toMatchObject({ state: 'delivered' });
      expect([rig.smsc.received.length, second.received.length]).toEqual([1, 1]);
    } finally {
      await second.stop();
    }
  });

  test('a 3.3 peer: ids in hex in the answer and in decimal in the receipt, on its receiver', async () => {
    await start({
      smsc: { idForm: 'hex', receipts: { afterMs: 20, idForm: 'decimal' } },
      settings: provider({ version: '3.3', bindAs: 'transmitter+receiver', receiptIds: 'decimal' }),
    });
    expect(await rig.final(await send({ 'dlr-mask': '3' }))).toMatchObject({ state: 'delivered' });
  });

  test('a receipt that comes on another bind of the account', async () => {
    await start({ smsc: { receipts: { afterMs: 20, otherBind: true } }, settings: provider({ binds: 2 }) });
    await until('two binds', () => rig.smsc.binds().now === 2);
    for (let i = 0; i < 3; i++)
      expect(await rig.final(await send({ 'dlr-mask': '3' }))).toMatchObject({ state: 'delivered' });
  });
});

describe('routes and time', () => {
  const two: RigOptions['settings'] = (standard) => ({
    ...standard,
    limits: { failoverAfter: '1s' },
    providers: {
      // Nobody listens there.
      dead: { bearer: 'smpp', host: '127.0.0.1', port: 1, systemId: 'x' },
      ...standard.providers,
    },
    routes: [{ to: ['dead', 'sandbox'] }],
  });

  test('a provider without a bind is left for the next one', async () => {
    await start({ settings: two });
    const id = await send();
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'sandbox' });
  });

  test('a refusal of one provider only goes to the next', async () => {
    const second = await startSmsc({ keep: 0 });
    await start({
      smsc: { reject: [{ prefix: '', status: 0x45 }] },
      settings: (standard) => ({
        ...standard,
        providers: {
          ...standard.providers,
          second: { bearer: 'smpp', host: '127.0.0.1', port: second.port, systemId: 'x' },
        },
        routes: [{ to: ['sandbox', 'second'] }],
      }),
    });
    try {
      await until('the second is bound', () => second.binds().now > 0);
      expect(await rig.final(await send())).toMatchObject({ state: 'sent', provider: 'second' });
    } finally {
      await second.stop();
    }
  });

  test('what a worker has read and not handed over goes to the next provider at once when its bind is lost', async () => {
    const second = await startSmsc({ keep: 0 });
    await start({
      smsc: { respDelayMs: 500 },
      settings: (standard) => ({
        ...standard,
        providers: {
          sandbox: { ...(standard.providers.sandbox as object), window: 20 },
          second: { bearer: 'smpp', host: '127.0.0.1', port: second.port, systemId: 'x' },
        },
        routes: [{ to: ['sandbox', 'second'] }],
      }),
    });
    const bus = await openBus(rig.amqpUrl, 'test', openLog('test'));
    try {
      await until('the second is bound', () => second.binds().now > 0);
      const numbers = Array.from({ length: 640 }, (_, i) => `${447_700_910_000 + i}`);
      const batch = numbers.map((to) => smsAt(Date.now(), { client: 'tester', lane: 'bulk', to, given: to }));
      for (let from = 0; from < batch.length; from += 64)
        await bus.publish(toSubmit('bulk'), batch.slice(from, from + 64));
      await until('a window is handed over', () => rig.smsc.received.length >= 20);
      rig.smsc.set({ refuseBinds: 0x0d });
      rig.smsc.dropAll();
      const arrived = () => new Set([...rig.smsc.received, ...second.received].map(({ dest }) => dest.addr)).size;
      // It holds two windows, in two AMQP messages of one window each; a third had been delivered. The rest stays queued.
      await until('more than it held', () => arrived() > 40, 20_000);
    } finally {
      await bus.close();
      await second.stop();
    }
  });

  test('what could not be handed over in its validity expires, and is not sent when the provider is back', async () => {
    await start({
      smsc: { refuseBinds: 0x0d },
      services: undefined,
      settings: (standard) => ({
        ...standard,
        limits: { failoverAfter: '500ms' },
        clients: { tester: { ...(standard.clients.tester as object), validity: '2s' } },
        providers: { away: { ...(standard.providers.sandbox as object) } },
        routes: [{ to: ['away'] }],
      }),
    });
    const id = await send();
    expect(await rig.final(id)).toMatchObject({ state: 'expired' });
    rig.smsc.set({ refuseBinds: 0 });
    await until('bound at last', () => rig.smsc.binds().now > 0, 20_000);
    expect(rig.smsc.received).toHaveLength(0);
  });
});

describe('the line', () => {
  test('TLS with an own authority; a certificate that it did not sign is refused', async () => {
    const authority = newAuthority();
    const dir = mkdtempSync(join(tmpdir(), 'hermod-tls-'));
    try {
      const ca = join(dir, 'ca.pem');
      writeFileSync(ca, authority.ca);
      await start({ smsc: { tls: authority.issue('127.0.0.1') }, settings: provider({ tls: { ca } }) });
      expect(await rig.final(await send())).toMatchObject({ state: 'sent' });
      await rig.stop();
      writeFileSync(ca, newAuthority().ca);
      await start({
        smsc: { tls: authority.issue('127.0.0.1') },
        settings: provider({ tls: { ca } }),
        waitForBind: false,
      });
      let said = '';
      const bus = await openBus(rig.amqpUrl, 'listener', openLog('listener'));
      await bus.listen((item) => {
        if (item.kind === 'provider') said = item.lastError ?? '';
      });
      await until('the worker says why', () => /certificate/.test(said)).finally(() => bus.close());
      expect(rig.smsc.binds().max).toBe(0);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('an SMSC that no longer answers enquire_link is left and bound again', async () => {
    await start({ settings: provider({ enquireLink: '1s' }) });
    rig.smsc.set({ ignoreEnquireLink: true });
    await until('a second line', () => rig.smsc.counters().lines > 1, 15_000);
    rig.smsc.set({ ignoreEnquireLink: false });
    expect(await rig.final(await send())).toMatchObject({ state: 'sent' });
  });
});

test('never more binds than the provider allows, with two workers at once', async () => {
  const { egressSmpp } = await import('../../services/egress-smpp/main.ts');
  const { ledger } = await import('../../services/ledger/main.ts');
  const { router } = await import('../../services/router/main.ts');
  const { ingressHttp } = await import('../../services/ingress-http/main.ts');
  await start({
    services: [ledger, router, egressSmpp, egressSmpp, ingressHttp],
    settings: provider({ binds: 2, bindsPerWorker: 1 }),
  });
  await until('each worker has one', () => rig.smsc.binds().now === 2, 15_000);
  await sendMany(50);
  await until('all are at the SMSC', () => taken().length === 50);
  // One of them may have begun to read when the other had taken all.
  await until('each has carried some', async () => {
    await send();
    return new Set(taken().map(({ bind }) => bind)).size === 2;
  });
  expect(rig.smsc.binds().max).toBe(2);
});

test('a rate is kept', async () => {
  await start({ settings: provider({ rate: '50/s' }) });
  const startedAt = performance.now();
  await sendMany(60);
  await until('all are at the SMSC', () => taken().length === 60);
  const seconds = (taken().at(-1)!.at - taken()[0]!.at) / 1_000;
  expect(60 / seconds).toBeLessThan(60);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('a message from a handset is in the ledger before the SMSC has its answer', async () => {
  await start();
  rig.smsc.deliver({ from: '+447700900123', to: '12345', text: 'STOP, bitte: ä€' });
  await until('it was answered', () => rig.smsc.counters().deliveries.acknowledged === 1);
  const database = new DatabaseSync(join(rig.dir, 'ledger.sqlite'), { readOnly: true });
  const row = await until('it is in the ledger', () => database.prepare('select * from incoming').get());
  database.close();
  expect(row).toMatchObject({ provider: 'sandbox', sender: '447700900123', number: '12345' });
  expect(JSON.stringify(row)).not.toContain('STOP');
});
