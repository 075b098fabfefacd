// The sandbox SMSC seen from outside: over SMPP by the `smpp` package, which is another implementation of the protocol,
// or by octets written by hand where that package would not send them; over HTTP; and as a process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type BehaviourUpdate, idForms } from '../../services/sandbox/behaviour.ts';
import { Inbox } from '../../services/sandbox/inbox.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../services/sandbox/main.ts';
import { Malformed, readSubmit } from '../../services/sandbox/pdu.ts';
import { type Smsc, type SmscOptions, startSmsc } from '../../services/sandbox/smsc.ts';
import { readText } from '../../services/sandbox/text.ts';

type Pdu = Record<string, unknown> & {
  command: string;
  command_status: number;
  sequence_number: number;
  message_id: string;
  esm_class: number;
  source_addr: string;
  destination_addr: string;
  short_message: { message: string };
  response(fields?: object): Pdu;
};
type Session = {
  socket: Socket;
  on(event: string, listener: (pdu: Pdu) => void): void;
  send(pdu: Pdu): void;
  destroy(): void;
} & Record<'submit_sm' | 'enquire_link' | 'unbind', (fields: object, onResponse?: (pdu: Pdu) => void) => void> &
  Record<string, (fields: object, onResponse: (pdu: Pdu) => void) => void>;

/** Of localhost, for this test only; nothing trusts it. */
const TLS = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6aziBSUpHHDdTEWX
nTrOfyAnsWOVgl9a393HbYMAqGChRANCAATt/2UrXLaAcGu6naeEUWmjC7AP3oL0
MubijoKgJfDTXmloHMCjsM/7V7S9TPF7zEMOEGmmnW4PC7oAhtnumYC4
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUPyi6T8AIBjEBbIwuN953kRK874UwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTIzMjc0MFoYDzIxMjYxMDI4
MjMyNzQwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATt/2UrXLaAcGu6naeEUWmjC7AP3oL0MubijoKgJfDTXmloHMCjsM/7
V7S9TPF7zEMOEGmmnW4PC7oAhtnumYC4o1MwUTAdBgNVHQ4EFgQUsi707lpXYGDa
1PSd5OYFvuwgzMIwHwYDVR0jBBgwFoAUsi707lpXYGDa1PSd5OYFvuwgzMIwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAuA6Tzg84S2rINPP168UEr
sfuNeFHJzocPHZoSvGb9dAIgJl+/HH/I4iwMIRwy9a5FikXqIalZXWBOHd4Zy/ql
BdI=
-----END CERTIFICATE-----`,
};

const smpp = createRequire(import.meta.url)('smpp');
const ASKED = { registered_delivery: 1 };
const AT_ONCE = { receipts: { afterMs: 0 } };

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function start(options: SmscOptions = {}): Promise<Smsc> {
  const smsc = await startSmsc(options);
  endings.push(() => smsc.stop());
  return smsc;
}

/** A client that is bound. `onDeliver` says how a deliver_sm is answered: a command_status, or undefined for not at all. */
async function bind(
  smsc: { port: number },
  { mode = 'transceiver', systemId = 'gateway', password = 'secret', tls = false } = {},
  onDeliver: (pdu: Pdu) => number | undefined = () => 0,
) {
  const session: Session = smpp.connect({ host: '127.0.0.1', port: smsc.port, tls, rejectUnauthorized: false });
  endings.push(() => session.destroy());
  session.socket.setNoDelay(true);
  const answers: Pdu[] = [];
  const delivered: Pdu[] = [];
  const order: string[] = [];
  const client = { session, bound: {} as Pdu, answers, delivered, order, isClosed: false, error: undefined as unknown };
  session.on('error', (error) => {
    client.error = error;
  });
  session.on('close', () => {
    client.isClosed = true;
  });
  session.on('pdu', (pdu) => {
    order.push(pdu.command);
    if (pdu.command === 'submit_sm_resp') answers.push(pdu);
    if (pdu.command !== 'deliver_sm') return;
    delivered.push(pdu);
    const commandStatus = onDeliver(pdu);
    if (commandStatus !== undefined) session.send(pdu.response({ command_status: commandStatus }));
  });
  client.bound = await new Promise<Pdu>((resolve) => {
    session[`bind_${mode}`]!({ system_id: systemId, password }, resolve);
  });
  return client;
}

type Client = Awaited<ReturnType<typeof bind>>;

function send({ session }: Client, fields: object = {}, onAnswer?: (answer: Pdu) => void): void {
  const usual = { source_addr: '12345', destination_addr: '447700900001', data_coding: 0, short_message: 'hello' };
  session.submit_sm({ ...usual, ...fields }, onAnswer);
}

function submit(client: Client, fields: object = {}): Promise<Pdu> {
  return new Promise((resolve) => send(client, fields, resolve));
}

async function submitMany(client: Client, count: number, fields: object = {}): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => submit(client, fields)));
  return answers.map((answer) => answer.command_status);
}

const soon = (assertion: () => void) => vi.waitFor(assertion, { timeout: 3000, interval: 2 });
const textOf = (pdu: Pdu | undefined) => pdu?.short_message.message ?? '';
const idIn = (pdu: Pdu | undefined) => /^id:(\S+) /.exec(textOf(pdu))?.[1];

describe('binds', () => {
  it('takes transmitter, receiver and transceiver, and counts them', async () => {
    const smsc = await start();
    const clients = await Promise.all(['transmitter', 'receiver', 'transceiver'].map((mode) => bind(smsc, { mode })));
    for (const { bound } of clients) {
      expect(bound).toMatchObject({ command_status: 0, system_id: 'sandbox', sc_interface_version: 0x34 });
    }
    expect(smsc.binds()).toEqual({ now: 3, max: 3 });
    await new Promise<Pdu>((resolve) => clients[0]!.session.unbind({}, resolve));
    expect(smsc.binds('gateway')).toEqual({ now: 2, max: 3 });
    await soon(() => expect(clients[0]!.isClosed).toBe(true));
  });

  it('knows its accounts', async () => {
    const smsc = await start({ accounts: [{ systemId: 'gateway', password: 'secret' }] });
    expect((await bind(smsc)).bound.command_status).toBe(0);
    expect((await bind(smsc, { password: 'Secret' })).bound.command_status).toBe(0x0e);
    expect((await bind(smsc, { systemId: 'other' })).bound.command_status).toBe(0x0f);
  });

  it('refuses a second bind on a line, and submit_sm from a receiver or an unbound line', async () => {
    const smsc = await start();
    const receiver = await bind(smsc, { mode: 'receiver' });
    expect((await submit(receiver)).command_status).toBe(0x04);
    const again = await new Promise<Pdu>((resolve) => receiver.session.bind_transceiver!({}, resolve));
    expect(again.command_status).toBe(0x05);
    const line = await rawLine(smsc);
    line.write(pduOf(0x4, 7, Buffer.alloc(20)));
    expect((await answersOn(line, 1))[0]).toMatchObject({ id: 0x80000004, status: 0x04, sequence: 7 });
  });

  it('speaks TLS', async () => {
    const smsc = await start({ tls: TLS, resetLines: true });
    const client = await bind(smsc, { tls: true });
    expect((await submit(client)).command_status).toBe(0);
    const handshakeUnderWay = await rawLine(smsc);
    smsc.dropAll();
    await soon(() => expect(client.isClosed).toBe(true));
    await smsc.stop();
    await soon(() => expect(handshakeUnderWay.destroyed).toBe(true));
  });

  it('keeps maxBinds per account and refuses all with refuseBinds', async () => {
    const smsc = await start({ maxBinds: 1 });
    await bind(smsc);
    expect((await bind(smsc)).bound.command_status).toBe(0x0d);
    expect((await bind(smsc, { systemId: 'other' })).bound.command_status).toBe(0);
    smsc.set({ maxBinds: 0, refuseBinds: 0x0d });
    expect((await bind(smsc)).bound.command_status).toBe(0x0d);
    expect(smsc.binds('gateway')).toEqual({ now: 1, max: 1 });
  });

  it('answers enquire_link, and does not with ignoreEnquireLink', async () => {
    const smsc = await start();
    const client = await bind(smsc);
    const pong = await new Promise<Pdu>((resolve) => client.session.enquire_link({}, resolve));
    expect(pong.command_status).toBe(0);
    smsc.set({ ignoreEnquireLink: true });
    client.session.enquire_link({});
    await submit(client);
    expect(client.order).toEqual(['bind_transceiver_resp', 'enquire_link_resp', 'submit_sm_resp']);
  });
});

describe('submit_sm', () => {
  it('records every field as it came', async () => {
    const smsc = await start();
    const heard: number[] = [];
    const unsubscribe = smsc.onSubmit(({ seq }) => heard.push(seq));
    const before = Date.now();
    const client = await bind(smsc);
    const answer = await submit(client, {
      service_type: 'CMT',
      source_addr_ton: 5,
      source_addr: 'Acme',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      esm_class: 0x43,
      protocol_id: 0x7f,
      priority_flag: 1,
      schedule_delivery_time: '261122101500000+',
      validity_period: '000000000200000R',
      registered_delivery: 17,
      data_coding: 4,
      short_message: Buffer.from('0605041 58a'),
      user_message_reference: 513,
    });
    expect(smsc.received).toHaveLength(1);
    expect(smsc.received[0]).toMatchObject({
      seq: 1,
      account: 'gateway',
      bind: 1,
      serviceType: 'CMT',
      source: { ton: 5, npi: 0, addr: 'Acme' },
      dest: { ton: 1, npi: 1, addr: '447700900001' },
      esmClass: 0x43,
      protocolId: 0x7f,
      priorityFlag: 1,
      scheduleDeliveryTime: '261122101500000+',
      validityPeriod: '000000000200000R',
      registeredDelivery: 17,
      dataCoding: 4,
      shortMessage: Buffer.from('0605041 58a'),
      messageId: answer.message_id,
      commandStatus: 0,
      answered: true,
    });
    expect(smsc.received[0]!.tlvs.get(0x204)).toEqual(Buffer.of(2, 1));
    expect(smsc.received[0]!.at).toBeGreaterThanOrEqual(before);
    expect(smsc.received[0]!.at).toBeLessThanOrEqual(Date.now() + 1);
    unsubscribe();
    await submit(client);
    expect(heard).toEqual([1]);
  });

  it('takes message_payload for the text, and not both', async () => {
    const smsc = await start();
    const client = await bind(smsc);
    const payload = Buffer.alloc(1000, 'x');
    await submit(client, { short_message: '', message_payload: payload });
    expect(smsc.received[0]!.shortMessage).toEqual(payload);
    const both = await submit(client, { message_payload: payload });
    expect(both.command_status).toBe(0xc1);
    expect(smsc.counters()).toMatchObject({ submits: 2, taken: 1, refused: 1 });
  });

  it.each([
    ['no destination', { destination_addr: '' }, 0x0b],
    ['a destination of 21 digits', { destination_addr: '1'.repeat(21) }, 0x0b],
    ['a source of 21 characters', { source_addr: 'x'.repeat(21) }, 0x0a],
    ['a validity that is no time', { validity_period: '0000000002000000000R' }, 0x62],
    ['a validity of 15 characters', { validity_period: '00000000020000R' }, 0x62],
    ['255 octets of text', { short_message: Buffer.alloc(255) }, 0x01],
  ])('refuses %s', async (_, fields, commandStatus) => {
    const client = await bind(await start());
    expect((await submit(client, fields)).command_status).toBe(commandStatus);
    expect((await submit(client)).command_status).toBe(0);
  });

  it('reads the PDU of 57 octets that the ISE guide prints', async () => {
    const smsc = await start();
    const line = await rawLine(smsc);
    line.write(pduOf(0x9, 1, BIND_BODY));
    const text =
      '49534520477565737420706f7274616c20557365726e616d653a20206a736d6974683032' +
      '2050617373776f72643a202074367562373911367200';
    const octets = Buffer.from(text, 'hex').subarray(0, 57);
    line.write(pduOf(0x4, 5, submitBody({ ton: 2, to: '48501234567', esmClass: 3, octets })));
    const answers = await answersOn(line, 2);
    expect(answers[1]).toMatchObject({ id: 0x80000004, status: 0, sequence: 5 });
    const received = smsc.received[0]!;
    expect(received).toMatchObject({
      source: { ton: 2, npi: 1, addr: '12345' },
      dest: { ton: 2, npi: 1, addr: '48501234567' },
      esmClass: 3,
      registeredDelivery: 0,
      dataCoding: 0,
      validityPeriod: '',
      receipt: 'none',
    });
    expect(received.shortMessage).toHaveLength(57);
    expect(readText(received)).toBe('ISE Guest portal Username:  jsmith02 Password:  t6ub79_6r');
  });

  it('gives ids in five notations, none of them twice', async () => {
    const shapes = {
      decimal: /^[1-9]\d{15}$/,
      leadingZeros: /^0000[1-9]\d{15}$/,
      hex: /^[1-9a-f][0-9a-f]{12}$/,
      upperHex: /^[1-9A-F][0-9A-F]{12}$/,
      uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
      plainUuid: /^[0-9a-f]{32}$/,
    };
    const smsc = await start();
    const client = await bind(smsc);
    const ids = new Set<string>();
    for (const idForm of idForms) {
      smsc.set({ idForm });
      const { message_id: id } = await submit(client);
      expect(id).toMatch(shapes[idForm]);
      ids.add(id);
      ids.add((await submit(client)).message_id);
    }
    expect(ids.size).toBe(2 * idForms.length);
  });

  it('keeps the newest messages, or all', async () => {
    const smsc = await start({ keep: 100 });
    const client = await bind(smsc);
    await submitMany(client, 250);
    expect(smsc.received.length).toBeGreaterThanOrEqual(90);
    expect(smsc.received.length).toBeLessThanOrEqual(100);
    expect(smsc.received.at(-1)!.seq).toBe(250);
    const all = await start({ keep: 0 });
    await submitMany(await bind(all), 250);
    expect(all.received).toHaveLength(250);
  });
});

describe('faults of the answer', () => {
  async function faulty(update: BehaviourUpdate) {
    const smsc = await start(update);
    return { smsc, client: await bind(smsc) };
  }

  it('respDelayMs: answers late', async () => {
    const { client } = await faulty({ respDelayMs: 60 });
    const sentAt = performance.now();
    await submit(client);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(59);
  });

  it('window: refuses what goes beyond the unanswered ones', async () => {
    const { client } = await faulty({ respDelayMs: 200, window: 3 });
    expect((await submitMany(client, 5)).sort((a, b) => a - b)).toEqual([0, 0, 0, 0x14, 0x14]);
    expect(await submitMany(client, 3)).toEqual([0, 0, 0]);
  });

  it('throttleShare: refuses an even share', async () => {
    const { client } = await faulty({ throttleShare: 0.1 });
    const statuses = await submitMany(client, 100);
    expect(statuses.filter((one) => one === 0x58)).toHaveLength(10);
    expect(statuses.slice(0, 10).filter((one) => one === 0x58)).toHaveLength(1);
  });

  it('ratePerSecond: throttles one account and not the other', async () => {
    const { smsc, client } = await faulty({ ratePerSecond: 20 });
    const other = await bind(smsc, { systemId: 'other' });
    const statuses = await submitMany(client, 30);
    expect(statuses.filter((one) => one === 0x58)).toHaveLength(10);
    expect((await submit(other)).command_status).toBe(0);
  });

  it('reject and rejectNext: refuse by prefix and by number', async () => {
    const { smsc, client } = await faulty({ reject: [{ prefix: '44', status: 0x0b }] });
    expect((await submit(client)).command_status).toBe(0x0b);
    expect((await submit(client, { destination_addr: '48501234567' })).command_status).toBe(0);
    const rejectNext = { count: 2, status: 0x45 };
    smsc.set({ reject: [], rejectNext });
    expect(await submitMany(client, 3)).toEqual([0x45, 0x45, 0]);
    expect(rejectNext.count).toBe(2);
    expect(smsc.received.map(({ commandStatus }) => commandStatus)).toEqual([0x0b, 0, 0x45, 0x45, 0]);
  });

  it('dropAfterSubmits: cuts the line before the last one is answered, once', async () => {
    const { smsc, client } = await faulty({ dropAfterSubmits: 3 });
    for (let count = 0; count < 5; count++) send(client);
    await soon(() => expect(client.isClosed).toBe(true));
    expect(client.answers).toHaveLength(2);
    expect(smsc.received.map(({ answered }) => answered)).toEqual([true, true, false]);
    expect(smsc.binds().now).toBe(0);
    expect(await submitMany(await bind(smsc), 5)).toEqual([0, 0, 0, 0, 0]);
  });

  it('dropAll: closes every line; resetLines: resets it', async () => {
    const { smsc, client } = await faulty({});
    smsc.dropAll();
    await soon(() => expect(client.isClosed).toBe(true));
    expect(client.error).toBeUndefined();
    const other = await bind(smsc);
    smsc.set({ resetLines: true });
    smsc.dropAll();
    await soon(() => expect(other.isClosed).toBe(true));
    expect(other.error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('silent, silentPrefix, silentNext: take the message and do not answer', async () => {
    const { smsc, client } = await faulty({});
    smsc.set({ silent: true });
    send(client, { destination_addr: '1' });
    client.session.enquire_link({});
    await soon(() => expect(smsc.received).toHaveLength(1));
    smsc.set({ silent: false, silentPrefix: '44', silentNext: 1 });
    for (const destination of ['447700900001', '2', '3']) send(client, { destination_addr: destination });
    await soon(() => expect(client.answers).toHaveLength(1));
    expect(client.order).toEqual(['bind_transceiver_resp', 'submit_sm_resp']);
    expect(smsc.received.map(({ dest, answered }) => [dest.addr, answered])).toEqual([
      ['1', false],
      ['447700900001', false],
      ['2', false],
      ['3', true],
    ]);
    expect(smsc.received.every(({ commandStatus }) => commandStatus === 0)).toBe(true);
  });

  it('stopReading: leaves the octets in the socket', async () => {
    const { smsc, client } = await faulty({ stopReading: false });
    const other = await bind(await start());
    smsc.set({ stopReading: true });
    send(client);
    await submitMany(other, 5); // the event loop went round meanwhile
    const resumedAt = performance.timeOrigin + performance.now();
    expect(smsc.received).toHaveLength(0);
    smsc.set({ stopReading: false });
    await soon(() => expect(client.answers).toHaveLength(1));
    expect(smsc.received[0]!.at).toBeGreaterThanOrEqual(resumedAt);
  });

  it('answerTwice and wrongSequence', async () => {
    const { smsc, client } = await faulty({ answerTwice: true });
    const answer = await submit(client);
    await soon(() => expect(client.answers).toHaveLength(2));
    expect(client.answers[1]).toMatchObject({
      message_id: answer.message_id,
      sequence_number: answer.sequence_number,
    });
    smsc.set({ answerTwice: false, wrongSequence: true });
    send(client);
    await soon(() => expect(client.answers).toHaveLength(3));
    expect(client.answers[2]!.sequence_number).toBe(answer.sequence_number + 1 + 1_000_000);
  });

  it('set: refuses what it does not know, and then changes nothing', async () => {
    const smsc = await start();
    expect(() => smsc.set({ idForm: 'hex', throttleShare: 2 })).toThrow(/^throttleShare: /);
    expect(() => smsc.set({ slient: true } as BehaviourUpdate)).toThrow(/slient/);
    expect(smsc.behaviour).toMatchObject({ idForm: 'decimal', throttleShare: 0 });
  });
});

describe('receipts', () => {
  async function receipts(rules: BehaviourUpdate['receipts'], onDeliver?: Parameters<typeof bind>[2]) {
    const smsc = await start({ receipts: { afterMs: 0, ...rules } });
    return { smsc, client: await bind(smsc, {}, onDeliver) };
  }

  it('come in the usual form from the handset to the sender', async () => {
    const { smsc, client } = await receipts({ afterMs: 40 });
    const sentAt = performance.now();
    const { message_id: id } = await submit(client, { ...ASKED, short_message: 'a text_of more than 20 characters' });
    await soon(() => expect(smsc.received[0]!.receipt).toBe('acknowledged'));
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(39);
    const [pdu] = client.delivered;
    expect(pdu).toMatchObject({ source_addr: '447700900001', destination_addr: '12345', esm_class: 4, data_coding: 0 });
    expect(textOf(pdu)).toMatch(
      /^id:\d+ sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:DELIVRD err:000 text:a text_of more than $/,
    );
    expect(idIn(pdu)).toBe(id);
    expect(pdu).not.toHaveProperty('receipted_message_id');
    expect(smsc.counters().deliveries).toEqual({
      waiting: 0,
      inFlight: 0,
      sent: 1,
      acknowledged: 1,
      again: 0,
      lost: 0,
    });
  });

  it('are sent as registered_delivery asks', async () => {
    const { smsc, client } = await receipts({ states: [{ suffix: '9', state: 'UNDELIV', error: '1' }] });
    for (const to of ['441', '449']) {
      for (const asked of [0, 1, 2]) await submit(client, { destination_addr: to, registered_delivery: asked });
    }
    await soon(() => expect(smsc.counters().deliveries.acknowledged).toBe(3));
    const told = client.delivered.map((pdu) => [pdu.source_addr, /stat:\S+ err:\S+/.exec(textOf(pdu))?.[0]]);
    expect(told).toEqual([
      ['441', 'stat:DELIVRD err:000'],
      ['449', 'stat:UNDELIV err:001'],
      ['449', 'stat:UNDELIV err:001'],
    ]);
    expect(smsc.received.map(({ receipt }) => receipt !== 'none')).toEqual([false, true, false, false, true, true]);
  });

  it('onlyIfAsked: false sends one for every message; intermediate sends ENROUTE ahead', async () => {
    const { smsc, client } = await receipts({ onlyIfAsked: false, intermediate: true });
    await submit(client, { registered_delivery: 0 });
    await submit(client, { registered_delivery: 0x11 });
    await soon(() => expect(client.delivered).toHaveLength(3));
    expect(client.delivered.map((pdu) => [pdu.esm_class, /stat:\S+/.exec(textOf(pdu))?.[0]])).toEqual([
      [0x04, 'stat:DELIVRD'],
      [0x20, 'stat:ENROUTE'],
      [0x04, 'stat:DELIVRD'],
    ]);
    await soon(() => expect(smsc.received[1]).toMatchObject({ receipt: 'acknowledged', receiptState: 'DELIVRD' }));
  });

  it('are not sent for refused messages, with missing, or for the state none', async () => {
    const { smsc, client } = await receipts({ states: [{ suffix: '7', state: 'none' }] });
    smsc.set({ rejectNext: { count: 1, status: 0x45 } });
    await submit(client, ASKED);
    await submit(client, { ...ASKED, destination_addr: '447' });
    smsc.set({ receipts: { missing: true } });
    await submit(client, ASKED);
    smsc.set({ receipts: { missing: false } });
    const { message_id: id } = await submit(client, ASKED);
    await soon(() => expect(client.delivered.map(idIn)).toEqual([id]));
  });

  it('idForm: name the message in another notation', async () => {
    const { client } = await receipts({ idForm: 'hex' });
    const { message_id: id } = await submit(client, ASKED);
    await soon(() => expect(client.delivered).toHaveLength(1));
    expect(id).toMatch(/^\d+$/);
    expect(idIn(client.delivered[0])).toBe(Number(id).toString(16));
  });

  it('tlvs and text: tell it in optional parameters, with and without text', async () => {
    const { smsc, client } = await receipts({ tlvs: true, state: 'EXPIRED', error: '042' });
    const first = await submit(client, ASKED);
    smsc.set({ receipts: { text: false } });
    const second = await submit(client, ASKED);
    await soon(() => expect(client.delivered).toHaveLength(2));
    expect(client.delivered[0]).toMatchObject({ receipted_message_id: first.message_id, message_state: 3 });
    expect(textOf(client.delivered[0])).toContain('dlvrd:000');
    expect(textOf(client.delivered[0])).toContain('stat:EXPIRED err:042');
    expect(client.delivered[1]).toMatchObject({ receipted_message_id: second.message_id, message_state: 3 });
    expect(textOf(client.delivered[1])).toBe('');
  });

  it('overtakenByMs: come out of order', async () => {
    const { client } = await receipts({ overtakenByMs: 40 });
    const first = await submit(client, ASKED);
    const second = await submit(client, ASKED);
    await soon(() => expect(client.delivered.map(idIn)).toEqual([second.message_id, first.message_id]));
  });

  it('beforeAnswer and twice', async () => {
    const { smsc, client } = await receipts({ beforeAnswer: true, twice: true });
    const { message_id: id } = await submit(client, ASKED);
    expect(client.order.slice(1)).toEqual(['deliver_sm', 'deliver_sm', 'submit_sm_resp']);
    expect(client.delivered.map(idIn)).toEqual([id, id]);
    await soon(() => expect(smsc.counters().deliveries.acknowledged).toBe(2));
  });

  it('go to the bind that the message came from, or with otherBind to another of the account', async () => {
    const smsc = await start(AT_ONCE);
    const [first, second] = [await bind(smsc), await bind(smsc)];
    const stranger = await bind(smsc, { systemId: 'other' });
    await submit(second, ASKED);
    await soon(() => expect(second.delivered).toHaveLength(1));
    smsc.set({ receipts: { otherBind: true } });
    await submit(second, ASKED);
    await soon(() => expect(first.delivered).toHaveLength(1));
    expect([second.delivered.length, stranger.delivered.length]).toEqual([1, 0]);
  });

  it('wait until a receiver of the same account is bound', async () => {
    const smsc = await start(AT_ONCE);
    const transmitter = await bind(smsc, { mode: 'transmitter' });
    const { message_id: id } = await submit(transmitter, ASKED);
    expect(smsc.counters().deliveries).toMatchObject({ waiting: 1, sent: 0 });
    const receiver = await bind(smsc, { mode: 'receiver' });
    await soon(() => expect(receiver.delivered.map(idIn)).toEqual([id]));
    expect(transmitter.delivered).toHaveLength(0);
  });

  it('come again after an error, and on the next bind when never acknowledged', async () => {
    const smsc = await start({ ...AT_ONCE, deliverAgainMs: 30 });
    let times = 0;
    const client = await bind(smsc, {}, () => (++times === 1 ? 0x64 : undefined));
    await submit(client, ASKED);
    await soon(() => expect(client.delivered).toHaveLength(2));
    expect(idIn(client.delivered[1])).toBe(idIn(client.delivered[0]));
    expect(smsc.counters().deliveries).toMatchObject({ inFlight: 1, acknowledged: 0, again: 1 });
    client.session.destroy();
    const next = await bind(smsc);
    await soon(() => expect(smsc.received[0]!.receipt).toBe('acknowledged'));
    expect(next.delivered.map(idIn)).toEqual([idIn(client.delivered[0])]);
  });

  it('deliverWindow: no more than so many unanswered ones on a bind', async () => {
    const smsc = await start({ ...AT_ONCE, deliverWindow: 3 });
    const client = await bind(smsc, {}, () => undefined);
    await submitMany(client, 10, ASKED);
    await soon(() => expect(client.delivered).toHaveLength(3));
    expect(smsc.counters().deliveries).toMatchObject({ waiting: 7, inFlight: 3 });
    client.session.send(client.delivered[0]!.response());
    await soon(() => expect(client.delivered).toHaveLength(4));
  });

  it('sendReceiptAgain: come once more', async () => {
    const { smsc, client } = await receipts({});
    const { message_id: id } = await submit(client, ASKED);
    smsc.sendReceiptAgain(id);
    await soon(() => expect(client.delivered.map(idIn)).toEqual([id, id]));
    expect(() => smsc.sendReceiptAgain('77')).toThrow('no message 77');
  });
});

describe('incoming messages', () => {
  it('arrive at a bind that receives, in GSM 7-bit, UCS-2 or as message_payload', async () => {
    const smsc = await start();
    await bind(smsc, { mode: 'transmitter' });
    expect(() => smsc.deliver({ from: '+447700900001', to: '12345', text: 'STOP' })).toThrow(/no receiver/);
    const client = await bind(smsc);
    smsc.deliver({ from: '+447700900001', to: '12345', text: 'STOP_€' });
    smsc.deliver({ from: 'Bank', to: '12345', text: 'Привет' });
    smsc.deliver({ from: 'Bank', to: '12345', text: 'x'.repeat(300) });
    await soon(() => expect(smsc.counters().deliveries.acknowledged).toBe(3));
    const [gsm, ucs2, long] = client.delivered;
    expect(gsm).toMatchObject({ source_addr: '447700900001', source_addr_ton: 1, esm_class: 0, data_coding: 0 });
    expect([textOf(gsm), textOf(ucs2)]).toEqual(['STOP_€', 'Привет']);
    expect(ucs2).toMatchObject({ source_addr: 'Bank', source_addr_ton: 5, data_coding: 8 });
    expect(long).toMatchObject({ message_payload: { message: 'x'.repeat(300) } });
  });
});

const cstring = (text: string) => Buffer.from(`${text}\0`, 'latin1');
const BIND_BODY = Buffer.concat([cstring('gateway'), cstring('secret'), cstring(''), Buffer.of(0x34, 0, 0, 0)]);

/** The body of a submit_sm; `tail` follows short_message. */
function submitBody({
  ton = 1,
  to = '447700900001',
  esmClass = 0,
  registered = 0,
  dataCoding = 0,
  octets = Buffer.from('Hi') as Uint8Array,
  tail = Buffer.alloc(0) as Uint8Array,
} = {}): Buffer {
  const addresses = [Buffer.of(0, ton, 1), cstring('12345'), Buffer.of(ton, 1), cstring(to)];
  const flags = Buffer.of(esmClass, 0, 0, 0, 0, registered, 0, dataCoding, 0, octets.length);
  return Buffer.concat([...addresses, flags, octets, tail]);
}

function pduOf(id: number, sequence: number, body: Uint8Array = Buffer.alloc(0), length = 16 + body.length): Buffer {
  const header = Buffer.alloc(16);
  [length, id, 0, sequence].forEach((value, index) => {
    header.writeUInt32BE(value, index * 4);
  });
  return Buffer.concat([header, body]);
}

async function rawLine({ port }: { port: number }): Promise<Socket> {
  const line = connect(port, '127.0.0.1');
  line.on('error', () => {});
  endings.push(() => line.destroy());
  await once(line, 'connect');
  return line;
}

/** Reads the line until `count` PDUs came or it ended. */
async function answersOn(line: Socket, count: number) {
  const answers: { id: number; status: number; sequence: number }[] = [];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of line.iterator({ destroyOnReturn: false })) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 16 && rest.length >= rest.readUInt32BE(0)) {
      const [id, status, sequence] = [4, 8, 12].map((at) => rest.readUInt32BE(at)) as [number, number, number];
      answers.push({ id, status, sequence });
      rest = rest.subarray(rest.readUInt32BE(0));
    }
    if (answers.length >= count) break;
  }
  return answers;
}

describe('hostile octets', () => {
  it.each([
    ['under 16', 15],
    ['over 64 KiB', 65_537],
    ['of 4 GiB', 0xffffffff],
  ])('a command_length %s earns a generic_nack and the end of the line', async (_, length) => {
    const line = await rawLine(await start());
    line.write(pduOf(0x15, 9, undefined, length));
    expect(await answersOn(line, 2)).toEqual([{ id: 0x80000000, status: 0x02, sequence: 9 }]);
    await soon(() => expect(line.destroyed).toBe(true));
  });

  it('an unknown command earns a generic_nack, a response that no one asked for nothing', async () => {
    const line = await rawLine(await start());
    line.write(Buffer.concat([pduOf(0x7777, 1), pduOf(0x80000005, 2), pduOf(0x80000000, 3), pduOf(0x15, 4)]));
    expect(await answersOn(line, 2)).toEqual([
      { id: 0x80000000, status: 0x03, sequence: 1 },
      { id: 0x80000015, status: 0, sequence: 4 },
    ]);
  });

  it('does not read on while the client takes no answers', async () => {
    const smsc = await start();
    const line = await rawLine(smsc);
    line.pause();
    const burst = Buffer.concat(Array.from({ length: 4000 }, (_, index) => pduOf(0x15, index)));
    let isStuck = false;
    for (let octets = 0; octets < 64e6 && !isStuck; octets += burst.length) {
      const written = new Promise<boolean>((resolve) => line.write(burst, () => resolve(false)));
      isStuck = await Promise.race([written, new Promise<boolean>((resolve) => setTimeout(resolve, 500, true))]);
    }
    expect(isStuck).toBe(true);
  });

  it('PDUs cut at any place are read as if they came whole', async () => {
    const smsc = await start({ keep: 0 });
    const body = [
      cstring(''),
      [1, 1],
      cstring('1'),
      [1, 1],
      cstring('2'),
      [0, 0, 0],
      [0],
      [0],
      [0, 0, 0, 0, 2, 72, 105],
    ];
    const stream = Buffer.concat([
      pduOf(0x9, 1, BIND_BODY),
      pduOf(0x4, 2, Buffer.concat(body.map((part) => Buffer.from(part)))),
      pduOf(0x15, 3),
    ]);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const line = await rawLine(smsc);
        line.setNoDelay(true);
        const before = smsc.received.length;
        let from = 0;
        for (const to of [...places.sort((a, b) => a - b), stream.length]) {
          await new Promise((resolve) => line.write(stream.subarray(from, to), resolve));
          await setImmediate(); // so that each piece is read by itself
          await setImmediate();
          from = to;
        }
        expect((await answersOn(line, 3)).map(({ id, status }) => [id, status])).toEqual([
          [0x80000009, 0],
          [0x80000004, 0],
          [0x80000015, 0],
        ]);
        expect(smsc.received).toHaveLength(before + 1);
        line.destroy();
      }),
      { numRuns: 50 },
    );
  });

  it('a submit_sm that ends early, within a field or a TLV, is refused and the line goes on', async () => {
    const line = await rawLine(await start());
    const body = submitBody();
    const shortTlv = submitBody({ tail: Buffer.from('04240005abc', 'hex') });
    const cut = Array.from({ length: body.length }, (_, length) => pduOf(0x4, 2, body.subarray(0, length)));
    line.write(Buffer.concat([pduOf(0x9, 1, BIND_BODY), ...cut, pduOf(0x4, 3, shortTlv), pduOf(0x4, 4, body)]));
    const answers = await answersOn(line, cut.length + 3);
    const statuses = answers.slice(1).map(({ id, status }) => (id === 0x80000004 ? status : -1));
    const withinFields = Array(body.length - 2).fill(0x02);
    expect(statuses).toEqual([...withinFields, 0x01, 0x01, 0xc0, 0]);
  });

  it('random octets, bodies and messages never end it', async () => {
    const box = await startSandbox({ smppPort: 0, httpPort: 0, log: () => {} });
    endings.push(() => box.stop());
    box.smsc.set({ receipts: { afterMs: 0, onlyIfAsked: false, intermediate: true } });
    const command = fc.constantFrom(0x1, 0x2, 0x4, 0x5, 0x6, 0x9, 0x15, 0x80000005, 0x80000000, 0xffffffff);
    const framed = fc.tuple(command, fc.nat(), fc.uint8Array({ maxLength: 300 })).map((parts) => pduOf(...parts));
    const octet = fc.nat(255);
    const message = fc
      .record({
        esmClass: octet,
        registered: octet,
        dataCoding: fc.oneof(octet, fc.constantFrom(0, 8)),
        octets: fc.uint8Array({ maxLength: 160 }),
      })
      .map((fields) => pduOf(0x4, 1, submitBody(fields)));
    const part = fc.oneof(framed, { weight: 2, arbitrary: message }, fc.uint8Array({ maxLength: 300 }));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.boolean(), async (parts, isBound) => {
        const line = await rawLine(box.smsc);
        line.resume();
        line.end(Buffer.concat([isBound ? pduOf(0x9, 1, BIND_BODY) : Buffer.alloc(0), ...parts]));
        await once(line, 'close');
      }),
      { numRuns: 200 },
    );
    expect(box.smsc.counters().taken).toBeGreaterThan(50);
    expect((await submit(await bind(box.smsc))).command_status).toBe(0);
    await soon(() => expect(box.smsc.binds().now).toBe(1));
  });

  it('the reader of submit_sm says what is malformed and throws nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
        try {
          readSubmit(Buffer.from(octets), 0, octets.length);
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the sandbox', () => {
  async function sandbox(options: SandboxOptions = {}): Promise<Sandbox> {
    const started = await startSandbox({ smppPort: 0, httpPort: 0, ...options });
    endings.push(() => started.stop());
    return started;
  }

  async function http({ httpPort }: Sandbox, method: string, path: string, body?: unknown, headers: object = {}) {
    const json = { 'Content-Type': 'application/json' };
    const call = request({ port: httpPort, host: '127.0.0.1', method, path, headers: { ...json, ...headers } });
    call.end(typeof body === 'string' ? body : JSON.stringify(body));
    const [response] = await once(call, 'response');
    const text = Buffer.concat(await response.toArray()).toString();
    return { status: response.statusCode as number, text, json: () => JSON.parse(text) };
  }

  it('shows messages on its page and as JSON, long ones put together', async () => {
    const lines: string[] = [];
    const box = await sandbox({ log: (line) => lines.push(line) });
    const client = await bind({ port: box.smppPort });
    const part = (number: number, text: string) => ({
      esm_class: 0x40,
      dest_addr_ton: 1,
      destination_addr: '447700900002',
      data_coding: 8,
      short_message: Buffer.concat([Buffer.of(5, 0, 3, 9, 2, number), Buffer.from(text, 'utf16le').swap16()]),
    });
    await submit(client, { ...ASKED, dest_addr_ton: 1, short_message: '<b>&"it\'s"</b>' });
    await submit(client, part(2, '\ude00!'));
    const incomplete = (await http(box, 'GET', '/messages?to=447700900002')).json();
    expect(incomplete).toMatchObject([{ parts: 2, partsArrived: 1 }]);
    await submit(client, part(1, 'Привет \ud83d'));
    await soon(() => expect(box.smsc.received[0]!.receipt).toBe('acknowledged'));
    const messages = (await http(box, 'GET', '/messages?limit=2')).json();
    expect(messages).toMatchObject([
      { to: '+447700900002', text: 'Привет 😀!', parts: 2, partsArrived: 2, encoding: 'UCS-2', receipt: 'none' },
      { to: '+447700900001', from: '12345', parts: 1, encoding: 'GSM-7', receipt: 'acknowledged' },
    ]);
    const { status, text } = await http(box, 'GET', '/');
    expect(status).toBe(200);
    expect(text).toContain('&lt;b&gt;&amp;&quot;it&#39;s&quot;&lt;/b&gt;');
    expect(text).toContain('receipt DELIVRD acknowledged');
    expect(text).not.toContain('<b>');
    expect(lines).toEqual([
      'sandbox: SMS to +447700900001 from 12345: "<b>&\\"it\'s\\"</b>" (1 part, GSM-7)',
      'sandbox: SMS to +447700900002 from 12345: "Привет 😀!" (2 parts, UCS-2)',
    ]);
  });

  it('puts parts together by SAR parameters too, and forgets the oldest', () => {
    const inbox = new Inbox();
    const of = (seq: number, tlvs: [number, Buffer][]) =>
      ({
        seq,
        at: seq,
        account: 'a',
        source: { ton: 0, npi: 0, addr: '1' },
        dest: { ton: 0, npi: 0, addr: '2' },
        esmClass: 0,
        dataCoding: 3,
        shortMessage: Buffer.from(`part ${seq} `),
        tlvs: new Map(tlvs),
        messageId: String(seq),
        receipt: 'none',
      }) as unknown as Parameters<Inbox['add']>[0];
    const sar = (number: number): [number, Buffer][] => [
      [0x20c, Buffer.of(0, 1)],
      [0x20e, Buffer.of(2)],
      [0x20f, Buffer.of(number)],
    ];
    expect(inbox.add(of(1, sar(1)))).toBeUndefined();
    expect(inbox.add(of(2, sar(2)))).toMatchObject({ text: 'part 1 part 2 ', messageIds: ['1', '2'] });
    for (let seq = 3; seq < 2000; seq++) inbox.add(of(seq, []));
    expect(inbox.list({ limit: 5000 }).length).toBeLessThanOrEqual(1000);
    expect(inbox.list({ limit: 1 })).toMatchObject([{ text: 'part 1999 ' }]);
  });

  it('prints at most 20 lines a second and counts the rest; control characters as escapes', async () => {
    const lines: string[] = [];
    const box = await sandbox({ log: (line) => lines.push(line) });
    const client = await bind({ port: box.smppPort });
    await submit(client, { data_coding: 3, short_message: Buffer.from('\x1b[2J\x9b\n', 'latin1') });
    await submitMany(client, 50);
    expect(lines).toHaveLength(20);
    expect(lines[0]).toContain('"\\u001b[2J\\u009b\\n"');
    await soon(() => expect(lines[20]).toBe('sandbox: … and 31 more'));
  });

  it('sets faults, drops lines and delivers by HTTP, and tells its state', async () => {
    const box = await sandbox({ systemId: 'gateway', password: 'secret' });
    expect((await bind({ port: box.smppPort }, { password: 'x' })).bound.command_status).toBe(0x0e);
    const client = await bind({ port: box.smppPort });
    expect((await http(box, 'POST', '/deliver', { from: '1', to: '2', text: 'hi' })).status).toBe(200);
    await soon(() => expect(client.delivered.map(textOf)).toEqual(['hi']));
    const faults = await http(box, 'POST', '/faults', { rejectNext: { count: 1, status: 8 } });
    expect(faults.json()).toMatchObject({ rejectNext: { count: 1, status: 8 }, idForm: 'decimal' });
    expect((await submit(client)).command_status).toBe(8);
    expect((await http(box, 'GET', '/messages')).json()).toEqual([]);
    expect((await http(box, 'GET', '/state')).json()).toMatchObject({
      binds: { now: 1, max: 1 },
      accounts: [{ systemId: 'gateway', binds: { now: 1, max: 1 } }],
      counters: { submits: 1, refused: 1 },
    });
    expect((await http(box, 'POST', '/drop')).status).toBe(200);
    await soon(() => expect(client.isClosed).toBe(true));
  });

  it.each([
    ['POST', '/faults', '{"respDelayMs":"soon"}', {}, 400, 'respDelayMs: '],
    ['POST', '/faults', '{', {}, 400, 'the body is not JSON'],
    ['POST', '/faults', JSON.stringify({ x: 'x'.repeat(70_000) }), {}, 413, 'longer than 65536'],
    ['POST', '/deliver', '{"from":"1","to":"2","text":"hi"}', {}, 400, 'no receiver'],
    ['POST', '/deliver', '{"from":"\u0100","to":"2","text":"hi"}', {}, 400, 'from: '],
    ['POST', '/drop', '', { 'Content-Type': 'text/plain' }, 415, 'application/json'],
    ['GET', '/messages?limit=0', '', {}, 400, 'limit: '],
    ['GET', '/messages', '', { Host: 'evil.example' }, 403, 'localhost'],
    ['GET', '/__proto__', '', {}, 404, 'there is no'],
    ['DELETE', '/', '', {}, 404, 'GET /messages'],
  ])('refuses %s %s %.20s', async (method, path, body, headers, status, message) => {
    const answer = await http(await sandbox(), method, path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.json().error).toContain(message);
  });

  async function run(env: Record<string, string>) {
    const child = spawn(process.execPath, ['services/sandbox/main.ts'], { env: { ...process.env, ...env } });
    endings.push(() => child.kill('SIGKILL'));
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk) => {
      output.out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output.err += chunk;
    });
    return { child, output, ended: once(child, 'close').then(([code]) => code as number) };
  }

  it('runs as a process and ends on SIGTERM', async () => {
    const { child, output, ended } = await run({ HERMOD_SANDBOX_SMPP_PORT: '0', HERMOD_SANDBOX_HTTP_PORT: '0' });
    await soon(() => expect(output.out).toMatch(/SMPP on 127\.0\.0\.1:\d+, messages at http:/));
    const client = await bind({ port: Number(/SMPP on 127\.0\.0\.1:(\d+)/.exec(output.out)?.[1]) });
    await submit(client);
    await soon(() =>
      expect(output.out).toContain('sandbox: SMS to 447700900001 from 12345: "hello" (1 part, GSM-7)\n'),
    );
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(output.err).toBe('');
  });

  it('says in one line which port is taken or wrong', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    endings.push(() => taken.close());
    const { port } = taken.address() as { port: number };
    await expect(startSandbox({ smppPort: port, httpPort: 0 })).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
    const runs = await Promise.all([
      run({ HERMOD_SANDBOX_SMPP_PORT: '0', HERMOD_SANDBOX_HTTP_PORT: String(port) }),
      run({ HERMOD_SANDBOX_SMPP_PORT: '99999' }),
    ]);
    expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([1, 1]);
    expect(runs[0]!.output.err).toMatch(/^sandbox: port \d+ .*HERMOD_SANDBOX_HTTP_PORT.*\n$/);
    expect(runs[1]!.output.err).toMatch(/^sandbox: "99999" is no port.*\n$/);
  });
});
