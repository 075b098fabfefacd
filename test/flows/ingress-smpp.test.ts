// The SMPP door with everything behind it: clients made of octets, a real broker, the sandbox as the provider.
import { once } from 'node:events';
import net from 'node:net';
import { connect as amqp, type ConfirmChannel as Channel } from 'amqplib';
import smpp from 'smpp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { newSession, STATUS } from '#shared/smpp/library.ts';
import { decodeGsm7, encodeGsm7 } from '#shared/sms/gsm7.ts';
import { deliverQueue } from '#shared/topology.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import type { Received } from '../../services/sandbox/smsc.ts';
import {
  bindBody,
  Esme,
  firstText,
  id,
  type Pdu,
  pdu,
  RESPONSE,
  readDeliver,
  receiptedId,
  submitBody,
  text,
  tlv,
} from '../peers/esme.ts';
import { ANSWERED_MS, startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SERVICES = [ledger, notifier, router, egressSmpp, ingressHttp, ingressSmpp];
const TESTER = { systemId: 'tester', password: 'foobar' };
const realBroker = process.env.AMQP_URL!;

let rig: Rig;
let port: number;
let broker: TcpProxy;
const esmes: Esme[] = [];
const connect = async () => {
  const esme = await Esme.connect(port);
  esmes.push(esme);
  return esme;
};
const bound = async (command: Parameters<Esme['bind']>[0], who = TESTER) => {
  const esme = await connect();
  expect(await esme.bind(command, who)).toMatchObject({ status: 0 });
  await esme.next();
  return esme;
};
/** What arrives at the provider for this number. */
const arrived = (number: string, count = 1): Promise<Received[]> =>
  until(`${count} for ${number}`, () => {
    const found = rig.smsc.received.filter(({ dest }) => dest.addr === number);
    return found.length >= count ? found : undefined;
  });
async function withChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
  const model = await amqp(realBroker);
  try {
    return await work(await model.createConfirmChannel());
  } finally {
    await model.close();
  }
}
/** Receipts in the queue of the client `tester`. */
const waiting = () => withChannel(async (channel) => (await channel.checkQueue(deliverQueue('tester'))).messageCount);
let last = 0;
const newNumber = () => `44770090${String(++last).padStart(4, '0')}`;

beforeAll(async () => {
  const url = new URL(realBroker);
  broker = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5672) });
  url.host = `127.0.0.1:${broker.port}`;
  process.env.AMQP_URL = url.href;
  port = await freePort();
  const password = await hashPassword('a password of some length');
  rig = await startRig({
    services: SERVICES,
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smpp: { port } },
      clients: {
        ...standard.clients,
        hashed: { password, sender: '1' },
        elsewhere: { password: 'foobar', networks: ['10.0.0.0/8'] },
        few: { password: 'foobar', sender: '1', smpp: { binds: 2 } },
        slow: { password: 'foobar', sender: '1', rate: '5/s' },
        decimal: { password: 'foobar', sender: '1', smpp: { messageIds: 'decimal', receiptWindow: 2 } },
      },
      callbacks: { retries: ['200ms'] },
    }),
  });
});
afterEach(() => {
  for (const esme of esmes.splice(0)) esme.close();
});
afterAll(async () => {
  await rig?.stop();
  await broker?.stop();
  process.env.AMQP_URL = realBroker;
});

describe('LinOTP', () => {
  /** As its SMPPSMSProvider: bind, one submit_sm in Latin-1, one PDU read and taken for the answer, unbind. */
  async function linotp(number: string, message: Buffer): Promise<Pdu> {
    const esme = await bound('bind_transceiver');
    const address = { ton: 1, npi: 1 };
    esme.submit({ source: { ...address, addr: 'LinOTP' }, dest: { ...address, addr: number }, coding: 3, message });
    const answer = await esme.next();
    const sequence = esme.send(id.unbind);
    expect(await esme.answerTo(sequence)).toMatchObject({ status: 0 });
    await esme.ended();
    return answer;
  }

  test('the first PDU after its submit is the answer to it, although a receipt waits for this client', async () => {
    const before = await bound('bind_transmitter');
    const other = newNumber();
    const sequence = before.submit({ dest: { addr: other }, registered: 1 });
    const told = firstText(await before.answerTo(sequence));
    await until('the receipt is owed', async () => (await rig.message(told))?.callbacksWaiting === 1);

    const number = newNumber();
    const answer = await linotp(`+${number}`, Buffer.from('Ihr Code für heute: 123456', 'latin1'));
    expect(answer).toMatchObject({ id: RESPONSE + id.submit_sm, status: 0 });
    const [sms] = await arrived(number);
    expect(sms).toMatchObject({ dataCoding: 0, source: { ton: 5, addr: 'LinOTP' }, dest: { ton: 1 } });
    expect(decodeGsm7(sms!.shortMessage)).toBe('Ihr Code für heute: 123456');

    const receiver = await bound('bind_receiver');
    const receipt = await receiver.next();
    expect(receiptedId(readDeliver(receipt))).toBe(told);
    receiver.answer(receipt);
    await until('the client was told', async () => (await rig.message(told))?.callbacksWaiting === 0);
  });

  test('its pieces of a long text are messages of their own', async () => {
    const number = newNumber();
    for (const piece of ['a'.repeat(153), 'b'.repeat(20)]) {
      expect(await linotp(number, Buffer.from(piece))).toMatchObject({ status: 0 });
    }
    const all = await arrived(number, 2);
    expect(all.map(({ shortMessage }) => shortMessage.length).sort()).toEqual([153, 20]);
  });

  test('a refusal is one', async () => {
    expect(await linotp('nonsense', Buffer.from('x'))).toMatchObject({ status: STATUS.RINVDSTADR });
  });
});

describe('privacyIDEA', () => {
  /** As its SmppSMSProvider: bind, a submit_sm for each part, and gone, with the answers unread. */
  async function privacyIdea(number: string, septets: Buffer, how: 'reset' | 'close'): Promise<Buffer[]> {
    const reference = last & 0xff;
    const parts: Buffer[] = [];
    const total = Math.ceil(septets.length / 153);
    for (let at = 0; at < septets.length; at += 153) {
      const header = Buffer.of(5, 0, 3, reference, total, parts.length + 1);
      parts.push(Buffer.concat([header, septets.subarray(at, at + 153)]));
    }
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.setNoDelay(true); // A reset also discards what the client's own kernel has not sent yet.
    await once(socket, 'connect');
    socket.write(pdu(id.bind_transmitter, 1, bindBody(TESTER)));
    await once(socket, 'data');
    socket.pause();
    for (const [i, message] of parts.entries()) {
      socket.write(pdu(id.submit_sm, i + 2, submitBody({ dest: { addr: number }, esmClass: 0x40, message })));
    }
    if (how === 'reset') socket.resetAndDestroy();
    else socket.destroy();
    return parts;
  }

  test.each(['reset', 'close'] as const)(
    'gone without reading an answer (%s): every part goes out as it came',
    async (how) => {
      const number = newNumber();
      // The 153rd septet is the escape of a euro sign, whose other half begins the second part.
      const septets = encodeGsm7(`${'a'.repeat(152)}€${'b'.repeat(200)}[end]`);
      const parts = await privacyIdea(number, septets, how);
      const all = await arrived(number, parts.length);
      expect(all.map(({ shortMessage }) => shortMessage.toString('hex')).sort()).toEqual(
        parts.map((part) => part.toString('hex')).sort(),
      );
      expect(all.every(({ esmClass, dataCoding }) => esmClass === 0x43 && dataCoding === 0)).toBe(true);
    },
  );

  test('a hundred of them at once', async () => {
    const numbers = Array.from({ length: 100 }, newNumber);
    for (let at = 0; at < numbers.length; at += 5) {
      await Promise.all(numbers.slice(at, at + 5).map((number) => privacyIdea(number, Buffer.from('123456'), 'reset')));
    }
    for (const number of numbers) await arrived(number);
  });
});

describe('the `smpp` package as a client', () => {
  test('a transceiver submits, asks, and gets its receipt', async () => {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const session = newSession(socket);
    const ask = (command: string, fields: Record<string, unknown>) =>
      new Promise<InstanceType<typeof smpp.PDU>>((resolve) => session.send(new smpp.PDU(command, fields), resolve));
    const receipts: string[] = [];
    session.on('deliver_sm', (deliver) => {
      receipts.push(String(deliver.receipted_message_id));
      session.send(deliver.response());
    });
    await ask('bind_transceiver', { system_id: 'tester', password: 'foobar', interface_version: 0x34 });
    const number = newNumber();
    const short_message = Buffer.alloc(0);
    const message_payload = Buffer.from('x'.repeat(300));
    const answer = await ask('submit_sm', {
      destination_addr: number,
      short_message,
      message_payload,
      registered_delivery: 1,
    });
    expect(answer.command_status).toBe(0);
    await arrived(number, 2);
    await until('the receipt', () => receipts.length > 0);
    expect(receipts).toEqual([answer.message_id]);
    const asked = await ask('query_sm', { message_id: answer.message_id });
    expect(asked).toMatchObject({ command_status: 0, message_id: answer.message_id, message_state: 2 });
    expect(asked.final_date).toMatch(/^\d{12}000\+$/);
    expect(await ask('query_sm', { message_id: 'nonsense' })).toMatchObject({ command_status: STATUS.RQUERYFAIL });
    expect(await ask('cancel_sm', { message_id: answer.message_id })).toMatchObject({
      command_status: STATUS.RCANCELFAIL,
    });
    // One that waits for its time can still be taken back.
    const schedule = { schedule_delivery_time: '000001000000000R' };
    const later = await ask('submit_sm', { destination_addr: number, short_message: 'later', ...schedule });
    expect(await ask('cancel_sm', { message_id: later.message_id })).toMatchObject({ command_status: 0 });
    expect(await ask('query_sm', { message_id: later.message_id })).toMatchObject({ message_state: 4 });
    socket.destroy();
  });
});

describe('what goes on to the provider', () => {
  test('flash, UCS-2, validity, delivery time and priority', async () => {
    const esme = await bound('bind_transmitter');
    const [flash, wide, timed] = [newNumber(), newNumber(), newNumber()];
    const message = Buffer.from('Привет', 'utf16le').swap16();
    const sentAt = Date.now();
    const answers = [
      esme.submit({ dest: { addr: flash }, coding: 0xf0 }),
      esme.submit({ dest: { addr: wide }, coding: 8, message }),
      esme.submit({
        dest: { ton: 1, addr: timed },
        validity: '000000020000000R',
        schedule: '000000000001000R',
        priority: 2,
      }),
    ];
    for (const sequence of answers) expect(await esme.answerTo(sequence)).toMatchObject({ status: 0 });
    expect((await arrived(flash))[0]).toMatchObject({ dataCoding: 0xf0, dest: { ton: 2 } });
    expect((await arrived(wide))[0]).toMatchObject({ dataCoding: 8, shortMessage: message });
    const [late] = await arrived(timed);
    expect(late).toMatchObject({ priorityFlag: 2, dest: { ton: 1 } });
    // Held here until then, so the provider hears of the validity only.
    const age = Date.now() - sentAt;
    expect(late!.scheduleDeliveryTime).toBe('');
    const until = Date.parse(`20${late!.validityPeriod.replace(/(..)(..)(..)(..)(..)(..).*/, '$1-$2-$3T$4:$5:$6Z')}`);
    expect(age).toBeGreaterThanOrEqual(1_000);
    expect(Math.abs(until - sentAt - 2 * 3_600_000 - 1_000)).toBeLessThan(5_000);
  });

  test('SAR parameters become a user data header', async () => {
    const esme = await bound('bind_transmitter');
    const number = newNumber();
    const tlvs = [tlv(0x20c, Buffer.of(0, 9)), tlv(0x20e, Buffer.of(2)), tlv(0x20f, Buffer.of(1))];
    await esme.answerTo(esme.submit({ dest: { addr: number }, message: Buffer.from('one'), tlvs }));
    const [part] = await arrived(number);
    expect(part).toMatchObject({ esmClass: 0x43, shortMessage: Buffer.from('\x05\0\x03\x09\x02\x01one') });
  });
});

describe('who may bind', () => {
  const status = async (systemId: string, password: string) => {
    const esme = await connect();
    const answer = await esme.bind('bind_transmitter', { systemId, password });
    if (answer.status !== 0) await esme.ended();
    return answer.status;
  };

  test.each([
    ['wrong password', 'tester', 'foobaz', 'RINVPASWD'],
    ['no password', 'tester', '', 'RINVPASWD'],
    ['unknown name', 'nobody', 'foobar', 'RINVPASWD'],
    ['a name that every object has', '__proto__', '', 'RINVPASWD'],
    ['another network, with the right password', 'elsewhere', 'foobar', 'RBINDFAIL'],
    ['another network, with a wrong one', 'elsewhere', 'x', 'RBINDFAIL'],
    ['a long password, kept as a hash', 'hashed', 'a password of some length', 'ROK'],
  ])('%s', async (_case, systemId, password, wanted) => {
    expect(await status(systemId, password)).toBe(STATUS[wanted]);
  });

  test('ten sessions at once are not in each other’s way, even with a slow hash', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => status('hashed', 'a password of some length')));
    expect(all.filter((one) => one === 0).length).toBeGreaterThanOrEqual(9);
    expect(all.every((one) => one === 0 || one === STATUS.RALYBND)).toBe(true);
  });

  test('no more than the client may have; one that ends makes room', async () => {
    const few = { systemId: 'few', password: 'foobar' };
    const first = await bound('bind_transmitter', few);
    await bound('bind_receiver', few);
    expect(await status('few', 'foobar')).toBe(STATUS.RALYBND);
    first.send(id.unbind);
    await first.ended();
    expect(await status('few', 'foobar')).toBe(0);
  });

  test('more than the rate is refused, and the rate itself goes through', async () => {
    const esme = await bound('bind_transmitter', { systemId: 'slow', password: 'foobar' });
    const started = performance.now();
    const sequences = Array.from({ length: 20 }, () => esme.submit());
    const answers = await Promise.all(sequences.map((sequence) => esme.answerTo(sequence)));
    const taken = answers.filter((one) => one.status === 0).length;
    expect(taken).toBeGreaterThanOrEqual(5);
    expect(taken).toBeLessThanOrEqual(5 + Math.ceil((performance.now() - started) / 200));
    expect(answers.filter((one) => one.status === STATUS.RTHROTTLED)).toHaveLength(20 - taken);
  });
});

describe('receipts', () => {
  const decimal = { systemId: 'decimal', password: 'foobar' };

  test('in the usual form, under the id that the client was given', async () => {
    const receiver = await bound('bind_receiver', decimal);
    const esme = await bound('bind_transmitter', decimal);
    const number = newNumber();
    const told = firstText(await esme.answerTo(esme.submit({ dest: { ton: 1, addr: number }, registered: 1 })));
    expect(told).toMatch(/^\d{36,39}$/);
    const receipt = await receiver.next();
    receiver.answer(receipt);
    const deliver = readDeliver(receipt);
    expect(deliver).toMatchObject({ esmClass: 4, source: { ton: 1, npi: 1, addr: number }, dest: { addr: '12345' } });
    expect(deliver.shortMessage.toString()).toMatch(
      new RegExp(`^id:${told} sub:001 dlvrd:001 submit date:\\d{10} done date:\\d{10} stat:DELIVRD err:000 text:$`),
    );
    expect(receiptedId(deliver)).toBe(told);
    expect(deliver.tlvs.get(0x427)).toEqual(Buffer.of(2));
    const answer = await esme.answerTo(esme.send(id.query_sm, Buffer.concat([text(told), Buffer.of(0, 0, 0)])));
    expect(answer.status).toBe(0);
  });

  test('failures are told too, and to nobody who did not ask', async () => {
    const receiver = await bound('bind_receiver', decimal);
    const esme = await bound('bind_transmitter', decimal);
    rig.smsc.set({ receipts: { state: 'UNDELIV', error: '021' } });
    try {
      await esme.answerTo(esme.submit({ dest: { addr: newNumber() } }));
      await esme.answerTo(esme.submit({ dest: { addr: newNumber() }, registered: 2 }));
      const receipt = await receiver.next();
      receiver.answer(receipt);
      expect(readDeliver(receipt).shortMessage.toString()).toContain('dlvrd:000');
      expect(readDeliver(receipt).shortMessage.toString()).toContain('stat:UNDELIV err:021');
    } finally {
      rig.smsc.set({ receipts: { state: 'DELIVRD', error: '000' } });
    }
    await receiver.answerTo(receiver.send(id.enquire_link));
    expect(receiver.received.filter((one) => one.id === id.deliver_sm)).toHaveLength(1);
  });

  test('one that the client does not take comes again, on another session if this one ends', async () => {
    const first = await bound('bind_receiver', decimal);
    const esme = await bound('bind_transmitter', decimal);
    const told = firstText(await esme.answerTo(esme.submit({ dest: { addr: newNumber() }, registered: 1 })));
    first.answer(await first.next(), STATUS.RX_T_APPN);
    expect(receiptedId(readDeliver(await first.next()))).toBe(told);
    first.close();
    const second = await bound('bind_receiver', decimal);
    const again = await second.next();
    expect(receiptedId(readDeliver(again))).toBe(told);
    second.answer(again);
  });

  test('no more without an answer than the window, and all of them come', async () => {
    const esme = await bound('bind_transmitter', decimal);
    const sequences = Array.from({ length: 12 }, () => esme.submit({ dest: { addr: newNumber() }, registered: 1 }));
    const ids = await Promise.all(sequences.map(async (sequence) => firstText(await esme.answerTo(sequence))));
    const receiver = await bound('bind_receiver', decimal);
    const got: string[] = [];
    for (let i = 0; i < 12; i++) {
      const receipt = await receiver.next();
      expect(receiver.received.filter((one) => one.id === id.deliver_sm).length).toBeLessThanOrEqual(i + 2);
      got.push(receiptedId(readDeliver(receipt))!);
      receiver.answer(receipt);
    }
    expect(got.sort()).toEqual(ids.sort());
  });

  test('those of a submit_multi come under its one id, from each number', async () => {
    const receiver = await bound('bind_receiver');
    const esme = await bound('bind_transmitter');
    const numbers = [newNumber(), newNumber(), newNumber()];
    const answer = await esme.answerTo(esme.submit({ dests: numbers.map((addr) => ({ addr })), registered: 1 }));
    expect(answer).toMatchObject({ id: RESPONSE + id.submit_multi, status: 0 });
    expect(answer.body.at(-1)).toBe(0); // no_unsuccess
    const from: string[] = [];
    for (const _number of numbers) {
      const receipt = await receiver.next();
      receiver.answer(receipt);
      expect(receiptedId(readDeliver(receipt))).toBe(firstText(answer));
      from.push(readDeliver(receipt).source.addr);
    }
    expect(from.sort()).toEqual(numbers);
  });

  test('a message that the provider refuses is told as rejected', async () => {
    const receiver = await bound('bind_receiver');
    const esme = await bound('bind_transmitter');
    rig.smsc.set({ rejectNext: { count: 1, status: STATUS.RINVDSTADR! } });
    const told = firstText(await esme.answerTo(esme.submit({ dest: { addr: newNumber() }, registered: 2 })));
    const receipt = await receiver.next();
    receiver.answer(receipt);
    expect(readDeliver(receipt).shortMessage.toString()).toContain(`id:${told} sub:001 dlvrd:000`);
    expect(readDeliver(receipt).shortMessage.toString()).toContain('stat:REJECTD err:011');
  });

  test('ones that were on their way when the gateway stopped come after it', async () => {
    const esme = await bound('bind_transmitter');
    const told = firstText(await esme.answerTo(esme.submit({ dest: { addr: newNumber() }, registered: 1 })));
    await until('the receipt is owed', async () => (await rig.message(told))?.callbacksWaiting === 1);
    await rig.stopServices();
    await esme.ended();
    expect(esme.received.at(-1)).toMatchObject({ id: id.unbind });
    await rig.startServices();
    await until('the ledger has published it again at its start', async () => (await waiting()) === 2);
    const copy = await withChannel(async (channel) => {
      const message = await channel.get(deliverQueue('tester'));
      if (!message) throw new Error('the queue is empty');
      channel.nack(message);
      return message.content;
    });
    const receiver = await bound('bind_receiver');
    const receipt = await receiver.next();
    expect(receiptedId(readDeliver(receipt))).toBe(told);
    receiver.answer(receipt);
    await until('the client was told', async () => (await rig.message(told))?.callbacksWaiting === 0);
    await until('both copies are gone', async () => (await waiting()) === 0);
    // A third one, as a broker connection that breaks before the acknowledgement brings it.
    await withChannel(async (channel) => {
      channel.sendToQueue(deliverQueue('tester'), copy, { persistent: true });
      await channel.waitForConfirms();
    });
    await until('it is gone too', async () => (await waiting()) === 0);
    await receiver.answerTo(receiver.send(id.enquire_link));
    expect(receiver.received.filter((one) => one.id === id.deliver_sm)).toHaveLength(1);
  });
});

describe('the broker is away', () => {
  const refusedWithin2s = async (esme: Esme, sequence: number) => {
    const started = performance.now();
    const answer = await esme.answerTo(sequence);
    expect(answer).toMatchObject({ status: STATUS.RMSGQFUL });
    expect(performance.now() - started).toBeLessThan(ANSWERED_MS);
  };
  const takesAgain = (esme: Esme) =>
    until('submits are taken again', async () => (await esme.answerTo(esme.submit())).status === 0, 20_000);

  test('silent: ESME_RMSGQFUL within 2 s', async () => {
    const esme = await bound('bind_transmitter');
    broker.freeze();
    try {
      await refusedWithin2s(esme, esme.submit());
    } finally {
      broker.heal();
    }
    await takesAgain(esme);
  });

  test('cut off: ESME_RMSGQFUL at once, and the session lives on', async () => {
    const esme = await bound('bind_transmitter');
    broker.cut();
    try {
      await refusedWithin2s(esme, esme.submit());
    } finally {
      broker.heal();
    }
    await takesAgain(esme);
  });
});
