// SMPP providers that want something else than Kannel's PDUs: the rows of LinOTP and privacyIDEA to the octet, older and
// newer peers, several hosts, and what a row may not ask.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { ProviderOf } from '#shared/config/schema.ts';
import { endpointsOf, smppBearer } from '../../../services/egress-smpp/bearer.ts';
import { type RawSmsc, startRawSmsc } from '../../peers/raw-smsc.ts';
import { bearerOf, type Opened, openBearer, sms } from '../../rig/bearer.ts';

let smsc: RawSmsc;
let opened: Opened | undefined;
beforeEach(async () => {
  smsc = await startRawSmsc();
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  await smsc.stop();
});

type Row = Record<string, unknown>;
const rowOf = (row: Row) => ({
  bearer: 'smpp' as const,
  host: '127.0.0.1',
  port: smsc?.port ?? 2775,
  systemId: 'login-name',
  password: 'password',
  ...row,
});
const bearer = (row: Row) => bearerOf(smppBearer, rowOf(row));
const open = async (row: Row) => {
  opened = await openBearer(bearer(row));
  return opened;
};

const hex = (...parts: (string | number[])[]) =>
  parts
    .map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)).toString('hex'))
    .join('');
const bind = (command: number, version: number, name = 'login-name', password = 'password') =>
  hex([0, 0, 0, command, 0, 0, 0, 0], `${name}\0`, `${password}\0`, '\0', [version, 0, 0], '\0');
type Submit = {
  source: [ton: number, npi: number, addr: string];
  destination: [ton: number, npi: number, addr: string];
  serviceType?: string;
  esmClass?: number;
  registered?: number;
  dataCoding?: number;
  message: string | number[];
  tlvs?: number[];
};
/** A submit_sm as SMPP 3.4, 4.4.1 lays it out. */
const submit = (pdu: Submit) =>
  hex(
    [0, 0, 0, 4, 0, 0, 0, 0],
    `${pdu.serviceType ?? ''}\0`,
    [pdu.source[0], pdu.source[1]],
    `${pdu.source[2]}\0`,
    [pdu.destination[0], pdu.destination[1]],
    `${pdu.destination[2]}\0`,
    [pdu.esmClass ?? 0, 0, 0, 0, 0, pdu.registered ?? 0, 0, pdu.dataCoding ?? 0, 0, pdu.message.length],
    pdu.message,
    pdu.tlvs ?? [],
  );

describe('the examples of LinOTP and privacyIDEA', () => {
  const linotp = {
    systemType: '',
    senders: { '*': 'LinOTP' },
    source: { ton: 5, npi: 0 },
    destination: { ton: 1, npi: 1, plus: true },
    encoding: 'latin1',
    storeAndForward: false,
  };

  test('LinOTP: bind_transceiver, data_coding 3, esm_class 0, the number with its plus', async () => {
    const { handOver } = await open(linotp);
    expect(await handOver(sms({ from: 'LinOTP', text: 'Grüße 1234' }))).toEqual({
      kind: 'done',
      parts: [{ providerId: 'id2', receipt: false }],
    });
    expect(smsc.pdus).toEqual([
      bind(0x9, 0x34),
      submit({
        source: [5, 0, 'LinOTP'],
        destination: [1, 1, '+447700900123'],
        dataCoding: 3,
        message: 'Grüße 1234',
      }),
    ]);
  });

  test('what Latin-1 cannot write is not dropped but sent as UCS-2', async () => {
    const { handOver } = await open(linotp);
    await handOver(sms({ from: 'LinOTP', text: 'ключ' }));
    const message = [0x04, 0x3a, 0x04, 0x3b, 0x04, 0x4e, 0x04, 0x47];
    const destination = [1, 1, '+447700900123'] as [number, number, string];
    expect(smsc.pdus[1]).toBe(submit({ source: [5, 0, 'LinOTP'], destination, dataCoding: 8, message }));
  });

  const privacyidea = {
    bindAs: 'transmitter',
    source: { ton: 0, npi: 0 },
    destination: { ton: 0, npi: 0, plus: true },
    storeAndForward: false,
  };

  test('privacyIDEA: bind_transmitter, unpacked GSM 03.38 or UCS-2, nothing asked', async () => {
    const { handOver } = await open(privacyidea);
    await handOver(sms({ text: 'Code: 12_34 {€}', dlrMask: 31 }));
    await handOver(sms({ text: 'ключ' }));
    const ends = { source: [0, 0, '12345'], destination: [0, 0, '+447700900123'] } satisfies Partial<Submit>;
    expect(smsc.pdus).toEqual([
      bind(0x2, 0x34),
      submit({
        ...ends,
        message: [...Buffer.from('Code: 12'), 0x11, ...Buffer.from('34 '), 0x1b, 0x28, 0x1b, 0x65, 0x1b, 0x29],
      }),
      submit({ ...ends, dataCoding: 8, message: [0x04, 0x3a, 0x04, 0x3b, 0x04, 0x4e, 0x04, 0x47] }),
    ]);
  });

  test('privacyIDEA: a long text in parts of 153 with an 8-bit reference, no escape pair split', async () => {
    const { handOver } = await open(privacyidea);
    await handOver(sms({ text: `${'a'.repeat(152)}€${'b'.repeat(20)}` }));
    const messages = smsc.pdus.slice(1).map((pdu) => Buffer.from(pdu.slice(pdu.indexOf('050003')), 'hex'));
    expect(messages.map((message) => message.subarray(4, 6).toString('hex'))).toEqual(['0201', '0202']);
    expect(messages[0]!.subarray(6).toString()).toContain('a'.repeat(152));
    expect(messages[1]!.subarray(6, 8).toString('hex')).toBe('1b65');
    expect(smsc.pdus[1]).toContain(hex('+447700900123\0', [0x40]));
  });

  test('their settings for numbers', async () => {
    const { handOver } = await open({ number: { msisdn: true, suppressPrefix: '+44', replace: '/^7/07/' } });
    await handOver(sms());
    expect(smsc.pdus[1]).toContain(hex([2, 1], '07700900123\0'));
  });
});

describe('other peers', () => {
  test('3.3: a transmitter and a receiver, and no optional parameter', async () => {
    const { handOver } = await open({ version: '3.3', bindAs: 'transmitter+receiver' });
    await handOver(sms({ text: 'x'.repeat(200) }));
    expect(smsc.pdus.slice(0, 2)).toEqual([bind(0x1, 0x33), bind(0x2, 0x33)]);
    // more_messages_to_send, 0x0426, is what a 3.4 peer gets in all parts but the last.
    expect(smsc.pdus.slice(2).map((pdu) => pdu.endsWith('0426000101'))).toEqual([false, false]);
    await opened!.close();
    const newer = await open({});
    smsc.pdus.length = 0;
    await newer.handOver(sms({ text: 'x'.repeat(200) }));
    expect(smsc.pdus.map((pdu) => pdu.endsWith('0426000101'))).toEqual([true, false]);
  });

  test('5.0', async () => {
    await open({ version: '5.0' });
    expect(smsc.pdus[0]).toBe(bind(0x9, 0x50));
  });

  test('data_coding, service_type and TLVs of the row', async () => {
    const { handOver } = await open({
      dataCoding: { gsm7: 1, ucs2: 24 },
      serviceType: 'OTP',
      tlvs: [
        { tag: 0x1400, text: '1101' },
        { tag: 0x1401, cstring: 'ab' },
        { tag: 0x0204, hex: '00ff' },
      ],
    });
    await handOver(sms({ text: 'hi' }));
    expect(smsc.pdus[1]).toBe(
      submit({
        serviceType: 'OTP',
        source: [2, 1, '12345'],
        destination: [1, 1, '447700900123'],
        esmClass: 3,
        dataCoding: 1,
        message: 'hi',
        tlvs: [0x14, 0, 0, 4, ...Buffer.from('1101'), 0x14, 1, 0, 3, 0x61, 0x62, 0, 0x02, 0x04, 0, 2, 0, 0xff],
      }),
    );
    await handOver(sms({ text: 'ключ' }));
    expect(smsc.pdus[2]).toContain(hex([0, 24, 0, 8, 0x04, 0x3a]));
    await handOver(sms({ text: 'hi', messageClass: 0 }));
    expect(smsc.pdus[3]).toContain(hex([0, 0xf0, 0, 2], 'hi'));
  });
});

describe('several hosts', () => {
  test('the first that gives a bind, in their order, each time', async () => {
    const second = await startRawSmsc();
    try {
      smsc.bindStatus = 0x0d;
      const both = { otherHosts: [`127.0.0.1:${second.port}`] };
      const { handOver } = await open(both);
      expect(await handOver(sms())).toMatchObject({ kind: 'done' });
      expect([smsc.lines(), second.pdus.length]).toEqual([1, 2]);
      await opened!.close();
      smsc.bindStatus = 0;
      const again = await open(both);
      expect(await again.handOver(sms())).toMatchObject({ kind: 'done' });
      expect(smsc.pdus).toHaveLength(3);
    } finally {
      await second.stop();
    }
  });

  test('when none does, what each of them said', async () => {
    smsc.bindStatus = 0x0e;
    const failure = await open({ otherHosts: ['127.0.0.1:1'] }).catch((error: Error) => error.message);
    expect(failure).toBe(
      `127.0.0.1:${smsc.port}: bind_transceiver refused: ESME_RINVPASWD; 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1`,
    );
  });

  test('the receiver may bind elsewhere, as someone else', async () => {
    const receiver = await startRawSmsc();
    try {
      await open({ bindAs: 'transmitter+receiver', receiver: { port: receiver.port, systemId: 'in', password: 'pw' } });
      expect(receiver.pdus).toEqual([bind(0x1, 0x34, 'in', 'pw')]);
      expect(smsc.pdus).toEqual([bind(0x2, 0x34)]);
    } finally {
      await opened!.close();
      opened = undefined;
      await receiver.stop();
    }
  });

  test('hosts as they may be written', () => {
    const otherHosts = ['b.example', 'c.example:2776', '[::1]', '[::1]:2777'];
    const { providers } = parseConfig(
      JSON.stringify({ providers: { row: { ...rowOf({ port: 2775 }), otherHosts } } }),
      'f',
      {},
    );
    expect(
      endpointsOf(providers.row as ProviderOf<'smpp'>).map(({ sender: { host, port } }) => `${host} ${port}`),
    ).toEqual(['127.0.0.1 2775', 'b.example 2775', 'c.example 2776', '::1 2775', '::1 2777']);
  });
});

describe('answers', () => {
  test.each([
    [0x58, { kind: 'throttled' }],
    [0x14, { kind: 'throttled' }],
    [0x08, { kind: 'retry' }],
    [0x0b, { kind: 'refused', scope: 'message' }],
    [0x45, { kind: 'refused', scope: 'provider' }],
    ['cut' as const, { kind: 'unknown' }],
  ])('%s', async (answer, outcome) => {
    const { handOver } = await open({});
    smsc.answers.push(answer);
    expect(await handOver(sms())).toMatchObject(outcome);
  });

  test('an SMSC that hangs: every submit_sm is unknown after the timeout, not one each second', async () => {
    const { handOver } = await open({ responseTimeout: '500ms' });
    smsc.answers.push(...Array<'hang'>(20).fill('hang'));
    const startedAt = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => handOver(sms())));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(20).fill('unknown'));
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});

test('a worker that stood still for longer than the timeout reads the answers that wait before it calls any lost', async () => {
  const { handOver, ended } = await open({ responseTimeout: '500ms', enquireLink: '1s' });
  smsc.answered = () => {
    // Its answer is on the way, and nothing is read for a while: a paused machine, a stopped container.
    for (const end = performance.now() + 2_600; performance.now() < end; );
  };
  expect(await handOver(sms())).toMatchObject({ kind: 'done' });
  smsc.answered = undefined;
  expect(await handOver(sms())).toMatchObject({ kind: 'done' });
  expect(ended()).toBeUndefined();
});

test.each([
  [{ version: '3.3' }, /row\.bindAs: SMPP 3\.3 has no transceiver/],
  [
    { version: '3.3', bindAs: 'transmitter', longMessages: 'sar' },
    /row\.version: SMPP 3\.3 has no optional parameters/,
  ],
  [{ receiver: { port: 1 } }, /row\.receiver: only with bindAs/],
  [{ otherHosts: ['a b'] }, /row\.otherHosts\.0: must be a host, or host:port/],
  [{ tlvs: [{ tag: 0x1400 }] }, /row\.tlvs\.0: a TLV has one value/],
  [{ tlvs: [{ tag: 0x1400, hex: '1' }] }, /octets in hex/],
  [{ tls: { ca: '/nowhere' } }, /^providers\.row\.tls\.ca: ENOENT/],
])('a row with %j is refused in one line', (row, message) => {
  expect(() => bearer(row)).toThrow(message);
});
