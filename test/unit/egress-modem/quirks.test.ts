// What modems do that the specification does not say: each quirk is a behaviour of the stand-in.
import { describe, expect, test } from 'vitest';
import { handOver, prepare } from '../../../services/egress-modem/hand-over.ts';
import { Modem } from '../../peers/modem/modem.ts';
import { writeDeliver } from '../../peers/modem/tpdu.ts';
import { until } from '../../rig/until.ts';
import { sms, stand } from './rig.ts';

const DONE = { kind: 'done', parts: [{ receipt: false }] };

describe.concurrent('the line', () => {
  test.each(['> ', '\r\n> ', '> \r', '\r\n>\r\n'])('prompt %j', async (prompt) => {
    const { send, modem } = await stand({ prompt });
    expect(await send({ text: 'x'.repeat(200) })).toMatchObject({ kind: 'done', parts: [{}, {}] });
    expect(modem.taken.map(({ text }) => text).join('')).toBe('x'.repeat(200));
  });

  test.each([{ lineEnd: '\r' }, { lineEnd: '\n' }, { slowMs: 40 }, { chatty: true }, { chatty: true, lineEnd: '\r' }])(
    '%j',
    async (behaviour) => {
      const { send, modem, ready } = await stand(behaviour);
      expect(ready.identity).toMatchObject({ maker: 'Stand-in', model: 'S1', imei: '490154203237518' });
      expect(await send()).toMatchObject(DONE);
      expect(modem.taken).toMatchObject([{ to: '+491701234567', text: 'Hello' }]);
    },
  );

  test('the echo stays on', async () => {
    const { send, modem, warnings } = await stand({ refuses: [{ command: /^ATE0/, answer: 'ERROR' }] });
    expect(await send()).toMatchObject(DONE);
    expect(modem.behaviour.echo).toBe(true);
    expect(warnings).toEqual(['ATE0: ERROR']);
  });

  test('a prompt that was left open, and an answer that comes late, do not confuse the next one', async () => {
    const modem = new Modem();
    modem.duplex();
    modem.data(Buffer.from('AT+CMGS=18\r'));
    const { send } = await stand(modem);
    expect(await send()).toMatchObject(DONE);
    expect(modem.taken).toHaveLength(1);
  });
});

describe.concurrent('refusals', () => {
  const comforts = ['AT', 'ATE0', 'AT+CMEE=1', 'AT+CSMS=1', 'AT+CNMI', 'AT+CREG=0', 'AT+CPMS', 'AT+CGMR', 'ATI'];
  test.each(['ERROR', '+CME ERROR: 4'])('everything that only adds comfort with %s', async (answer) => {
    const refuses = [
      ...comforts.map((text) => ({ command: new RegExp(`^${text.replace('+', '\\+')}(=.*)?$`), answer })),
    ];
    refuses.push({ command: /^AT\+(CNMI|CPMS)/, answer });
    const { send, modem, warnings, ready } = await stand({ refuses });
    expect(await send({ dlrMask: 3 })).toMatchObject(DONE);
    expect(modem.taken[0]).toMatchObject({ statusReport: false });
    expect(ready.reports).toBe(false);
    expect(warnings.join('; ')).toContain('no form of AT+CNMI is taken');
  });

  test('PDU mode and the PIN are not comfort', async () => {
    const noPdu = { refuses: [{ command: /CMGF/, answer: 'ERROR' }] };
    await expect(stand(noPdu)).rejects.toThrow('it has no PDU mode');
    await expect(stand({ pin: '1234' })).rejects.toThrow('the SIM asks for its PIN: set pin');
    await expect(stand({ refuses: [{ command: /CPIN\?/, answer: '+CME ERROR: 10' }] })).rejects.toThrow('no SIM');
  });

  test('a validity period, which is then left out for good', async () => {
    const { send, modem } = await stand({ refusesValidity: true });
    expect(await send({ validityAsked: true })).toMatchObject(DONE);
    expect(await send({ validityAsked: true })).toMatchObject(DONE);
    expect(modem.taken.map(({ validityMs }) => validityMs)).toEqual([undefined, undefined]);
    expect(modem.commands.filter((command) => command.startsWith('AT+CMGS'))).toHaveLength(3);
  });

  test('a validity period is told to the others', async () => {
    const { send, modem } = await stand();
    await send({ validityAsked: true });
    expect(modem.taken[0]!.validityMs).toBeGreaterThan(3_000_000);
  });

  test.each([
    ['+CMS ERROR: 1', { kind: 'refused', scope: 'message', code: 1 }],
    ['+CMS ERROR: 8', { kind: 'refused', scope: 'provider', code: 8 }],
    ['+CMS ERROR: 304', { kind: 'refused', scope: 'provider' }],
    ['+CMS ERROR: 310', { kind: 'unavailable' }],
    ['+CMS ERROR: 42', { kind: 'throttled' }],
    ['+CMS ERROR: 332', { kind: 'unknown' }],
    ['+CMS ERROR: 500', { kind: 'retry' }],
    ['+CMS ERROR: network busy', { kind: 'retry' }],
    ['ERROR', { kind: 'retry' }],
  ])('%s', async (answer, outcome) => {
    const { send } = await stand({ answer: () => answer });
    expect(await send()).toMatchObject(outcome);
  });
});

describe.concurrent('the SIM', () => {
  test('its PIN is entered once; a wrong one is not tried again', async () => {
    const { send } = await stand({ pin: '1234' }, { pin: '1234' });
    expect(await send()).toMatchObject(DONE);
    const modem = new Modem({ pin: '1234' });
    await expect(stand(modem, { pin: '4321' })).rejects.toThrow('the SIM refused the PIN, and it is not tried again');
    expect(modem.behaviour.pinTries).toBe(2);
  });

  test('with one try left no PIN is tried at all', async () => {
    const modem = new Modem({ pin: '1234', pinTries: 1 });
    await expect(stand(modem, { pin: '4321' })).rejects.toThrow('1 more wrong PIN');
    expect(modem.behaviour.pinTries).toBe(1);
  });

  test('a PIN stands in no error', async () => {
    const failing = stand({ pin: '1234', refuses: [{ command: /CPIN="/, answer: '+CME ERROR: 16' }] }, { pin: '9876' });
    await expect(failing).rejects.toThrow(/^(?!.*9876)/);
  });

  test('a full storage does not keep messages from being sent', async () => {
    const modem = new Modem({ room: 3 });
    for (const text of ['one', 'two', 'three']) modem.store(writeDeliver({ from: '+49170', text, at: modem.clock }));
    const { send, inbox, incoming } = await stand(modem);
    expect(await send()).toMatchObject(DONE);
    expect(await inbox.sweep()).toBe(0);
    expect(incoming.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
    expect(modem.stored.size).toBe(0);
  });
});

describe.concurrent('the network', () => {
  test('a stick that only knows the 4G network is registered', async () => {
    expect((await stand({ onlyLte: true })).ready).toMatchObject({ reports: true });
  });

  test('a denied SIM is said so', async () => {
    await expect(stand({ registration: 3, rssi: 99 })).rejects.toThrow(
      'not registered in the network: denied, no signal',
    );
  });
});

describe.concurrent('the types of Kannel', () => {
  test.each([
    ['SIEMENS', 'TC35i', 'siemens-tc35', 'AT\\Q3', 'AT+CNMI=3,1,0,1,0'],
    ['SIEMENS', 'M20', 'siemens', 'AT\\Q3', 'AT+CNMI=1,1,0,1,0'],
    ['WAVECOM MODEM', 'MULTIBAND 900E 1800', 'wavecom', 'AT+IFC=2,2', 'AT+CNMI=1,1,0,1,0'],
    ['Falcom', 'A2D', 'falcom', 'AT+IFC=2,2', 'AT+CNMI=1,1,0,1,0'],
    ['Nokia Mobile Phone', '6310', 'nokiaphone', 'AT+CMEE=1', 'AT+CNMI=1,1,0,1,0'],
    ['ERICSSON', 'R520m', 'ericsson', 'AT+CMEE=1', 'AT+CNMI=3,1,0,1,0'],
    ['huawei', 'E173', 'generic', 'AT+CMEE=1', 'AT+CNMI=2,1,0,1,0'],
  ])('auto: %s %s is %s', async (maker, model, type, command, cnmi) => {
    const { modem, ready } = await stand({ maker, model, cnmi: '(0-3),(0-3),(0,2),(0-2),(0,1)' });
    expect(ready.profile.name).toBe(type);
    expect(modem.commands).toContain(command);
    expect(modem.commands).toContain(cnmi);
  });

  test('named in the configuration, whatever the modem says', async () => {
    const { ready } = await stand({ maker: 'huawei' }, { modemType: 'siemens-tc35' });
    expect(ready.profile.name).toBe('siemens-tc35');
  });

  test('status reports come in the way that the modem has', async () => {
    const stored = await stand({ cnmi: '(1,2),(0,1),(0,2),(0,2),(0,1)' });
    await stored.send({ dlrMask: 1 });
    await until('the report was read', () => stored.reports.length === 1);
    expect(stored.modem.commands).toContain('AT+CNMI=2,1,0,2,0');
    await until('and deleted', () => stored.modem.stored.size === 0);
    const none = await stand({ cnmi: '(1,2),(0,1),(0,2),(0),(0,1)' });
    expect(none.ready.reports).toBe(false);
  });
});

describe.concurrent('what arrives', () => {
  test('is deleted from the SIM only when the broker has it', async () => {
    const { modem, incoming, broker, send } = await stand();
    let confirm = () => {};
    broker.confirmed = new Promise((resolve) => {
      confirm = resolve;
    });
    modem.receive({ from: '+447700900123', text: 'STOP' });
    await until('it was read', () => incoming.length === 1);
    // Sending goes on meanwhile.
    expect(await send()).toMatchObject(DONE);
    expect(modem.stored.size).toBe(1);
    confirm();
    await until('it was deleted', () => modem.stored.size === 0);
    expect(incoming).toMatchObject([{ from: '+447700900123', text: 'STOP', encoding: 'gsm7' }]);
  });

  test('read twice it has the same id', async () => {
    const pdu = writeDeliver({ from: '+447700900123', text: 'STOP', at: 0 });
    const ids = [];
    for (let i = 0; i < 2; i++) {
      const modem = new Modem();
      modem.store(pdu);
      const { inbox, incoming } = await stand(modem);
      await inbox.sweep();
      ids.push(incoming[0]!.id);
    }
    expect(ids[0]).toBe(ids[1]);
  });

  test('the parts of a long one, in UCS-2, between other news', async () => {
    const { modem, incoming } = await stand({ chatty: true });
    modem.receive({ from: 'Bank', text: 'Привет', alphabet: 'ucs2', header: '050003a70201' });
    modem.receive({ from: 'Bank', text: 'мир', alphabet: 'ucs2', header: '050003a70202' });
    await until('both were read', () => incoming.length === 2);
    expect(incoming).toMatchObject([
      { from: 'Bank', text: 'Привет', concat: { reference: 0xa7, total: 2, part: 1 } },
      { from: 'Bank', text: 'мир', concat: { reference: 0xa7, total: 2, part: 2 } },
    ]);
  });

  test('what cannot be read is handed on as it stands, and what somebody wrote on the SIM stays', async () => {
    const modem = new Modem();
    modem.store('00FFFFFFFF');
    modem.store(writeDeliver({ from: '+49170', text: 'draft', at: 0 }), 'CMTI', 3);
    const { inbox, incoming } = await stand(modem);
    expect(await inbox.sweep()).toBe(1);
    expect(incoming).toMatchObject([{ from: '', encoding: 'binary', text: '\x00\xff\xff\xff\xff' }]);
    expect(modem.stored.size).toBe(1);
  });

  test('a status report is acknowledged to the network when the broker has it', async () => {
    const { send, modem, reports, broker } = await stand();
    let confirm = () => {};
    broker.confirmed = new Promise((resolve) => {
      confirm = resolve;
    });
    expect(await send({ dlrMask: 3 })).toMatchObject({ kind: 'done', parts: [{ receipt: true }] });
    await until('the report came', () => reports.length === 1);
    expect(modem.acknowledged).toBe(0);
    confirm();
    await until('it was acknowledged', () => modem.acknowledged === 1);
    expect(reports[0]).toMatchObject({ reference: 1, to: '+491701234567', status: 0 });
  });
});

describe.concurrent('a modem that hangs', () => {
  test('before the prompt nothing was handed over; behind it the answer is lost', async () => {
    const before = await stand({ hangEveryMs: 0 });
    expect(await before.send()).toMatchObject({ kind: 'unavailable', reason: 'no answer to AT+CMGS within 1 s' });
    expect(before.ended).toEqual(['no answer to AT+CMGS within 1 s']);
    const behind = await stand();
    behind.modem.behaviour.answer = () => {
      behind.modem.deaf = true;
      return 'ERROR';
    };
    expect(await behind.send()).toMatchObject({ kind: 'unknown' });
  });

  test('in the middle of a long message it is not given to another provider as if nothing had happened', async () => {
    const { send, modem } = await stand();
    modem.behaviour.answer = (_submitted, count) => {
      if (count === 0) return undefined;
      modem.deaf = true;
      return 'ERROR';
    };
    expect(await send({ text: 'x'.repeat(400) })).toMatchObject({ kind: 'unknown' });
    const other = await stand({ answer: (_submitted, count) => (count === 1 ? '+CMS ERROR: 310' : undefined) });
    expect(await other.send({ text: 'x'.repeat(400) })).toMatchObject({ kind: 'unknown' });
  });

  test('a part that was taken is not sent again after a throttle', async () => {
    let busy = true;
    const { modem, at, references, ready } = await stand({
      answer: (_submitted, count) => (count === 1 && busy ? '+CMS ERROR: 42' : undefined),
    });
    const outgoing = prepare(sms({ text: 'x'.repeat(400) }));
    const options = {
      provider: { receipts: 'asked' as const },
      references,
      memory: { noValidity: false },
      reports: ready.reports,
    };
    expect(await handOver(at, outgoing, options)).toMatchObject({ kind: 'throttled' });
    busy = false;
    expect(await handOver(at, outgoing, options)).toMatchObject({ kind: 'done', parts: [{}, {}, {}] });
    expect(modem.taken.map(({ concat }) => concat?.part)).toEqual([1, 2, 3]);
  });
});
