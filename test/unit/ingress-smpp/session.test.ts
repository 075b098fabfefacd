// One session over a real socket, with requests that are answered when the test says so.
import { once } from 'node:events';
import net from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { PDU } from 'smpp';
import { afterEach, describe, expect, test } from 'vitest';
import { STATUS } from '#shared/smpp/library.ts';
import { type Answer, type Delivered, Session } from '../../../services/ingress-smpp/session.ts';
import { bindBody, Esme, firstText, id, pdu, RESPONSE, submitBody } from '../../peers/esme.ts';
import { until } from '../../rig/until.ts';

const ENQUIRE_LINK_MS = 30_000;
const BIND = { systemId: 'tester', password: 'foobar' };

type Stand = {
  port: number;
  session: Session;
  /** The server's end of its connection. */
  socket: net.Socket;
  /** Requests in the order of their arrival, each to be answered once. */
  requests: { pdu: PDU; answer: (answer: Answer) => void }[];
  events: string[];
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server whose next connection is `session`. `auto` answers each request at once. */
async function stand({ window = 10, auto = false } = {}): Promise<Stand> {
  const it = { requests: [], events: [] } as unknown as Stand;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    it.socket = socket;
    it.session = new Session(socket, ENQUIRE_LINK_MS, {
      bind: async ({ password }) => (password === 'foobar' ? { window } : STATUS.RINVPASWD!),
      request: (request) => {
        if (auto) {
          it.requests.push({ pdu: request, answer: () => {} });
          return Promise.resolve({ status: 0, fields: { message_id: `${it.requests.length}` } });
        }
        return new Promise((answer) => it.requests.push({ pdu: request, answer }));
      },
      receives: () => it.events.push('receives'),
      ended: (reason) => it.events.push(reason),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  it.port = (server.address() as net.AddressInfo).port;
  return it;
}

async function connect(it: Stand): Promise<Esme> {
  const esme = await Esme.connect(it.port);
  ends.push(() => esme.close());
  await until('the session', () => it.session);
  return esme;
}

const bound = async (it: Stand, command: Parameters<Esme['bind']>[0] = 'bind_transceiver') => {
  const esme = await connect(it);
  expect(await esme.bind(command, BIND)).toMatchObject({ status: 0 });
  return esme;
};
const later = (ms: number) => performance.now() + ms;

describe('bind', () => {
  test('the answer names the gateway, and its version to those who know versions', async () => {
    const it = await stand();
    expect((await (await connect(it)).bind('bind_receiver', BIND)).body.toString('latin1')).toBe(
      'hermod\0\x02\x10\0\x01\x34',
    );
    const old = await (await connect(it)).bind('bind_transmitter', { ...BIND, version: 0x33 });
    expect(old.body.toString('latin1')).toBe('hermod\0');
  });

  test('a refused one ends the line', async () => {
    const esme = await connect(await stand());
    const answer = await esme.bind('bind_transceiver', { ...BIND, password: 'x' });
    expect(answer).toMatchObject({ id: RESPONSE + id.bind_transceiver, status: STATUS.RINVPASWD });
    expect(answer.body).toHaveLength(0);
    await esme.ended();
  });

  test('a second one on the session is refused, and the session goes on', async () => {
    const esme = await bound(await stand({ auto: true }));
    expect(await esme.bind('bind_transceiver', BIND)).toMatchObject({ status: STATUS.RALYBND });
    expect(await esme.answerTo(esme.submit())).toMatchObject({ status: 0 });
  });

  test('before it, and on a receiver, a submit has no place', async () => {
    const it = await stand();
    for (const esme of [await connect(it), await bound(it, 'bind_receiver')]) {
      expect(await esme.answerTo(esme.submit())).toMatchObject({
        id: RESPONSE + id.submit_sm,
        status: STATUS.RINVBNDSTS,
      });
    }
    expect(it.requests).toEqual([]);
  });

  test('none within 10 s ends the line, whatever else is said', async () => {
    const it = await stand();
    const esme = await connect(it);
    expect(await esme.answerTo(esme.send(id.enquire_link))).toMatchObject({ status: 0 });
    it.session.tick(later(9_000));
    expect(it.events).toEqual([]);
    it.session.tick(later(11_000));
    await esme.ended();
    expect(it.events).toEqual(['no bind']);
  });
});

describe('requests', () => {
  test('each gets its own answer, in whatever order they come', async () => {
    const it = await stand();
    const esme = await bound(it);
    const [one, two] = [esme.submit(), esme.submit()];
    await until('both', () => it.requests.length === 2);
    it.requests[1]!.answer({ status: 0, fields: { message_id: 'second' } });
    expect(firstText(await esme.answerTo(two))).toBe('second');
    it.requests[0]!.answer({ status: STATUS.RMSGQFUL! });
    expect(await esme.answerTo(one)).toMatchObject({ status: STATUS.RMSGQFUL, body: Buffer.alloc(0) });
  });

  test('a fault of ours is a system error', async () => {
    const server = net.createServer((socket) => {
      new Session(socket, ENQUIRE_LINK_MS, {
        bind: async () => ({ window: 1 }),
        request: () => Promise.reject(new Error('a fault')),
        receives: () => {},
        ended: () => {},
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ends.push(() => server.close());
    const esme = await Esme.connect((server.address() as net.AddressInfo).port);
    ends.push(() => esme.close());
    await esme.bind('bind_transmitter', BIND);
    expect(await esme.answerTo(esme.submit())).toMatchObject({ status: STATUS.RSYSERR });
  });

  test('when the window is full no more is read, and nothing is refused', async () => {
    const it = await stand({ window: 3 });
    const esme = await bound(it);
    const sequences = Array.from({ length: 8 }, () => esme.submit());
    await until('the window is full', () => it.requests.length === 3);
    it.requests[0]!.answer({ status: 0 });
    await until('one more', () => it.requests.length === 4);
    for (let i = 1; i < 8; i++) {
      await until(`request ${i}`, () => it.requests[i]);
      expect(it.requests.length).toBeLessThanOrEqual(i + 3);
      it.requests[i]!.answer({ status: 0 });
    }
    for (const sequence of sequences) expect(await esme.answerTo(sequence)).toMatchObject({ status: 0 });
  });

  test.each([
    ['data_sm', id.data_sm],
    ['replace_sm', id.replace_sm],
    ['deliver_sm', id.deliver_sm],
    ['a command that nobody has', 0x7777],
  ])('%s is not known here: generic_nack', async (_case, command) => {
    const esme = await bound(await stand());
    const sequence = esme.send(command, submitBody({}));
    expect(await esme.answerTo(sequence)).toMatchObject({ id: id.generic_nack, status: STATUS.RINVCMDID });
    expect(await esme.answerTo(esme.send(id.enquire_link))).toMatchObject({ status: 0 });
  });

  test('a body that ends early has its own answer, and the session goes on', async () => {
    const esme = await bound(await stand({ auto: true }));
    const short = esme.send(id.submit_sm, submitBody({}).subarray(0, 20));
    expect(await esme.answerTo(short)).toMatchObject({ id: RESPONSE + id.submit_sm, status: STATUS.RINVCMDLEN });
    expect(await esme.answerTo(esme.submit())).toMatchObject({ status: 0 });
  });

  test('answers to nothing are not answered', async () => {
    const esme = await bound(await stand());
    for (const command of [id.submit_sm, id.deliver_sm, id.enquire_link]) esme.send(RESPONSE + command);
    esme.send(id.generic_nack);
    await esme.answerTo(esme.send(id.enquire_link));
    expect(esme.received).toHaveLength(2);
  });
});

describe('unbind', () => {
  test('comes after the answers to what was before it, and ends the line', async () => {
    const it = await stand();
    const esme = await bound(it);
    esme.submit();
    esme.send(id.unbind);
    await until('the submit', () => it.requests.length === 1);
    it.requests[0]!.answer({ status: 0 });
    expect(await esme.next()).toMatchObject({ id: RESPONSE + id.bind_transceiver });
    expect(await esme.next()).toMatchObject({ id: RESPONSE + id.submit_sm });
    expect(await esme.next()).toMatchObject({ id: RESPONSE + id.unbind });
    await esme.ended();
    expect(it.events).toEqual(['unbound']);
  });

  test('when the gateway stops it answers first, and then unbinds', async () => {
    const it = await stand();
    const esme = await bound(it);
    const sequence = esme.submit();
    await until('the submit', () => it.requests.length === 1);
    it.session.stop();
    it.requests[0]!.answer({ status: 0 });
    expect(await esme.answerTo(sequence)).toMatchObject({ status: 0 });
    await esme.ended();
    expect(esme.received.at(-1)).toMatchObject({ id: id.unbind });
  });
});

describe('clients that go away', () => {
  test('one that closes its half of the line still gets its answers', async () => {
    const it = await stand();
    const esme = await bound(it);
    const sequence = esme.submit();
    esme.socket.end();
    await until('the submit', () => it.requests.length === 1);
    it.requests[0]!.answer({ status: 0 });
    expect(await esme.answerTo(sequence)).toMatchObject({ status: 0 });
    await esme.ended();
    expect(it.events).toEqual(['the client closed the line']);
  });

  test('one that resets the line loses nothing that it had sent, more than a window of it', async () => {
    const it = await stand({ window: 5 });
    const esme = await bound(it, 'bind_transmitter');
    for (let i = 0; i < 50; i++) esme.submit();
    await until('some are under way', () => it.requests.length > 0);
    esme.socket.resetAndDestroy();
    for (let i = 0; i < 50; i++) {
      (await until(`submit ${i}`, () => it.requests[i])).answer({ status: 0 });
    }
    await until('the end', () => it.events.length > 0);
    expect(it.events).toEqual(['the client cut the line']);
  });

  test('what the kernel holds is read although our answer to what came before fails', async () => {
    const it = await stand();
    const esme = await bound(it, 'bind_transmitter');
    const mine = new Promise<void>((resolve) => {
      esme.socket.on('data', () => {
        // In this turn of the event loop the server's answer meets the reset, with two PDUs unread behind it.
        esme.submit();
        esme.submit();
        esme.socket.resetAndDestroy();
        it.requests[0]!.answer({ status: 0 });
        resolve();
      });
    });
    esme.submit();
    await until('the first submit', () => it.requests.length === 1);
    esme.send(id.enquire_link);
    await mine;
    await until('the other two', () => it.requests.length === 3);
    expect(it.events).toEqual(['the client cut the line']);
  });
});

describe('deliver_sm and enquire_link', () => {
  test('a transceiver gets answers only in its first seconds', async () => {
    const it = await stand({ auto: true });
    const esme = await bound(it);
    it.session.tick(later(2_900));
    expect(it.events).toEqual([]);
    it.session.tick(later(3_100));
    expect(it.events).toEqual(['receives']);
    expect(await esme.answerTo(esme.submit())).toMatchObject({ status: 0 });
    expect(esme.received).toHaveLength(2);
  });

  test('a receiver takes receipts from the first moment, a transmitter never', async () => {
    const it = await stand();
    await bound(it, 'bind_receiver');
    expect(it.events).toEqual(['receives']);
    await bound(it, 'bind_transmitter');
    it.session.tick(later(5_000));
    expect(it.events).toEqual(['receives']);
  });

  test('the answer to a deliver_sm is handed on: its status, or that none came', async () => {
    const it = await stand();
    const esme = await bound(it, 'bind_receiver');
    const answers: Delivered[] = [];
    for (let i = 0; i < 4; i++) it.session.deliver({ short_message: Buffer.from(`${i}`) }, (one) => answers.push(one));
    expect(it.session.delivering).toBe(4);
    await esme.next();
    const [one, two] = [await esme.next(), await esme.next()];
    esme.answer(two, STATUS.RX_T_APPN);
    esme.socket.write(pdu(id.generic_nack, one.sequence, undefined, STATUS.RINVCMDID));
    await until('two answers', () => answers.length === 2);
    expect(answers).toEqual([STATUS.RX_T_APPN, STATUS.RINVCMDID]);
    it.session.tick(later(29_000));
    expect(answers).toHaveLength(2);
    await esme.answerTo(esme.send(id.enquire_link));
    it.session.tick(later(30_100));
    expect(answers.slice(2)).toEqual(['lost', 'lost']);
    expect(it.session.delivering).toBe(0);
  });

  test('a session that ends loses what was on its way', async () => {
    const it = await stand();
    const esme = await bound(it, 'bind_receiver');
    const answers: Delivered[] = [];
    it.session.deliver({ short_message: Buffer.from('x') }, (one) => answers.push(one));
    await esme.next();
    esme.close();
    await until('the end', () => it.events.length === 2);
    expect(answers).toEqual(['lost']);
  });

  test('a silent client is asked, then cut', async () => {
    const it = await stand();
    const esme = await bound(it, 'bind_receiver');
    await esme.next();
    it.session.tick(later(ENQUIRE_LINK_MS - 1_000));
    it.session.tick(later(ENQUIRE_LINK_MS + 1_000));
    it.session.tick(later(ENQUIRE_LINK_MS + 2_000));
    esme.answer(await esme.next());
    await esme.answerTo(esme.send(id.enquire_link));
    expect(esme.received.filter((one) => one.id === id.enquire_link)).toHaveLength(1);
    it.session.tick(later(ENQUIRE_LINK_MS * 2 - 1_000));
    expect(it.events).toEqual(['receives']);
    it.session.tick(later(ENQUIRE_LINK_MS * 2 + 1_000));
    await esme.ended();
    expect(it.events.at(-1)).toBe('silent for 61 s');
  });
});

describe('hostile lines', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  /** Octets in use, garbage not counted. */
  const held = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };

  test.each([0, 4, 15, 2_000, 0x7fffffff, 0xffffffff])(
    'a command_length of %d: generic_nack, and the end',
    async (length) => {
      const esme = await connect(await stand());
      const lie = pdu(id.bind_transmitter, 9, bindBody(BIND));
      lie.writeUInt32BE(length, 0);
      esme.socket.write(lie);
      expect(await esme.next()).toMatchObject({ id: id.generic_nack, status: STATUS.RINVCMDLEN, sequence: 0 });
      await esme.ended();
    },
  );

  test('what stood before the lie is answered', async () => {
    const it = await stand();
    const esme = await bound(it);
    const sequence = esme.submit();
    esme.socket.write(Buffer.alloc(16));
    await until('the submit', () => it.requests.length === 1);
    it.requests[0]!.answer({ status: 0 });
    expect(await esme.answerTo(sequence)).toMatchObject({ status: 0 });
    await esme.ended();
    expect(esme.received.at(-1)).toMatchObject({ id: id.generic_nack });
  });

  test('a PDU that never ends is no sign of life', async () => {
    const it = await stand();
    const esme = await bound(it, 'bind_transmitter');
    const connectedAt = performance.now();
    const long = pdu(id.submit_sm, 5, Buffer.alloc(60_000));
    for (let at = 0; at < 100; at++) {
      esme.socket.write(long.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    it.session.tick(connectedAt + ENQUIRE_LINK_MS * 2 + 1);
    await esme.ended();
  });

  test('a client that reads no answer is not read any more, and its flood is not kept', async () => {
    const it = await stand({ auto: true, window: 1_000 });
    const esme = await bound(it);
    esme.socket.pause();
    const many = Buffer.concat(Array.from({ length: 1_000 }, (_, i) => pdu(id.enquire_link, i)));
    let written = 0;
    const write = () => {
      while (written < 2_000) {
        written++;
        if (!esme.socket.write(many)) return;
      }
    };
    esme.socket.on('drain', write);
    write();
    const before = held();
    let [read, looks] = [-1, 0];
    await until('it is not read any more, look after look', () => {
      looks = it.socket.isPaused() && it.socket.bytesRead === read ? looks + 1 : 0;
      read = it.socket.bytesRead;
      return looks === 20;
    });
    expect(written).toBeLessThan(2_000); // 32 MB would have passed otherwise.
    expect(held() - before).toBeLessThan(6 * 1_048_576); // Of the 32 MB; the compiler has its share in it.
    written = 2_000;
    const answered = esme.received.length;
    esme.socket.resume();
    await until('it goes on', () => esme.received.length > answered + 1_000);
  });

  test('whatever is sent, the server answers the next one', async () => {
    const it = await stand({ auto: true });
    const chunk = fc.oneof(
      { weight: 3, arbitrary: fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)) },
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom(...Object.values(id), 0x80000004, 0x105), fc.uint8Array({ maxLength: 80 }))
          .map(([command, body]) => pdu(command, 1, Buffer.from(body))),
      },
      { weight: 1, arbitrary: fc.constant(pdu(id.bind_transceiver, 1, bindBody(BIND))) },
      {
        weight: 2,
        arbitrary: fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
          const octets = pdu(id.submit_sm, 2, submitBody({}));
          octets[at % octets.length] = value;
          return octets;
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 12 }), async (chunks) => {
        const socket = net.connect(it.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        socket.write(pdu(id.bind_transceiver, 1, bindBody(BIND)));
        for (const one of chunks) socket.write(one);
        socket.resume();
        if (chunks.length % 2) socket.resetAndDestroy();
        else socket.end();
        await once(socket, 'close');
      }),
      { numRuns: 300, interruptAfterTimeLimit: 10_000 },
    );
    it.session = undefined as never;
    const esme = await bound(it);
    expect(await esme.answerTo(esme.submit())).toMatchObject({ status: 0 });
  });
});
