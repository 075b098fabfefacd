// The mail door against a real broker: the guide's mail to the octet, what is refused when, and what comes again.
import { Command } from 'commander';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openBus } from '#shared/bus/bus.ts';
import { askRefusals } from '#shared/doors/refusals.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { addRefusals } from '../../deploy/cli/refusals.ts';
import { GUIDE_PDU, GUIDE_SHORT_MESSAGE, guideMail, SMS_ADDRESS, SPONSOR } from '../rig/guide.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { until } from '../rig/until.ts';

const STRANGER = '127.0.0.9';
const MAX_SIZE = 65_536;
const PER_ADDRESS = 8;

let rig: MailRig;
beforeAll(async () => {
  rig = await startMailRig({ maxSize: `${MAX_SIZE}B`, maxPerAddress: PER_ADDRESS });
});
afterAll(() => rig?.stop());
beforeEach(() => rig.fresh());
afterEach(() => rig.hangUp());

const idIn = (text: string) => /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(text)![0];

/** What the door remembers of its last refusal. */
async function lastRefusal() {
  const bus = await openBus(rig.amqpUrl, 'test', openLog('test'));
  try {
    return await until('the door tells its refusals', async () => {
      const answers = await askRefusals(bus, 300);
      return answers.find(({ door }) => door === 'smtp')?.refusals.at(-1);
    });
  } finally {
    await bus.close();
  }
}

describe('a mail becomes an SMS', () => {
  test("the guide's mail arrives as the guide's PDU, to the octet", async () => {
    const transport = createTransport({ host: '127.0.0.1', port: rig.port, ignoreTLS: true });
    const { response } = await transport.sendMail({ envelope: { from: SPONSOR, to: SMS_ADDRESS }, raw: guideMail() });
    transport.close();
    expect(response).toMatch(/^250 2\.6\.0 accepted as /);
    const [pdu, ...others] = await rig.passed();
    expect(pdu).toMatchObject(GUIDE_PDU);
    expect(pdu!.shortMessage.toString('hex')).toBe(GUIDE_SHORT_MESSAGE);
    expect(others).toHaveLength(0);
  });

  test('its validity is that of the rule, and the client finds its story', async () => {
    const { code, text } = await rig.mail(['447700900123@otp.example'], 'Subject: code\r\n\r\n123 456\r\n');
    expect(code).toBe(250);
    const [pdu] = await rig.passed();
    expect(pdu!.shortMessage.toString()).toBe('123 456');
    const story = await rig.final(idIn(text));
    expect(story).toMatchObject({ state: 'sent', client: 'tester', door: 'smtp' });
    expect(Date.parse(String(story.expiry)) - Date.parse(String(story.acceptedAt))).toBe(120_000);
  });

  test('one for each recipient, all with one answer', async () => {
    const to = ['447700900123@otp.example', '447700900124@otp.example', '+447700900123@otp.example'];
    const { code, text } = await rig.mail(to, 'Subject: code\r\n\r\n123456');
    expect([code, text]).toEqual([250, expect.stringMatching(/ and 1 more$/)]);
    const numbers = (await rig.passed()).map(({ dest }) => dest.addr);
    expect(numbers.sort()).toEqual(['447700900123', '447700900124']);
  });

  test('the text is taken out of dot-stuffing and transfer encoding', async () => {
    const body = Buffer.from('.hidden\n..two ü').toString('base64');
    const headers = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ';
    await rig.mail(['447700900123@otp.example'], `${headers}base64\r\n\r\n${body}`);
    await rig.mail(['447700900123@otp.example'], `${headers}8bit\r\n\r\n..hidden\r\n...two \xc3\xbc`);
    const texts = (await rig.passed()).map(({ shortMessage }) => shortMessage.toString('latin1'));
    expect(texts).toEqual(['.hidden\n..two \x7e', '.hidden\n..two \x7e']);
  });
});

describe('is refused', () => {
  test('at the connection, from an address that no rule is open to', async () => {
    const client = await rig.dial(rig.port, { localAddress: STRANGER });
    expect(await client.reply()).toEqual({ code: 554, text: '5.7.1 no mail rule is open to this address' });
    await client.ended;
    expect(await lastRefusal()).toMatchObject({ reason: 'network', address: STRANGER });
  });

  test('at the connection, when one address has too many', async () => {
    for (let opened = 0; ; opened++) {
      expect(opened).toBeLessThanOrEqual(PER_ADDRESS);
      const { code, text } = await (await rig.dial(rig.port)).reply();
      if (code === 220) continue;
      expect([code, text]).toEqual([421, '4.7.0 too many connections from here']);
      break;
    }
    rig.hangUp();
    await until('there is room again', () => rig.open(rig.port));
  });

  test('at RCPT, when its local part should be a number and is none', async () => {
    const client = await rig.open(rig.port);
    await client.say(`MAIL FROM:<${SPONSOR}>`);
    expect(await client.say('RCPT TO:<bob@otp.example>')).toEqual({
      code: 550,
      text: '5.1.1 a number has only digits, a + before them, and blank . ( ) - / between them',
    });
    expect(await client.say('RCPT TO:<09012345678@otp.example>')).toMatchObject({ code: 550 });
    expect(await client.say('RCPT TO:<447700900123@otp.example>')).toMatchObject({ code: 250 });
    expect(await lastRefusal()).toMatchObject({ reason: 'number' });
  });

  test('at RCPT, for a recipient that no rule is for: it relays for nobody', async () => {
    const reply = await rig.mail(['someone@gmail.com'], guideMail());
    expect(reply).toEqual({ code: 550, text: '5.1.1 no mail rule is for this recipient' });
  });

  test('with 452 at RCPT, when another rule is for this recipient than for those before', async () => {
    const client = await rig.open(rig.port);
    await client.say(`MAIL FROM:<${SPONSOR}>`);
    await client.say(`RCPT TO:<${SMS_ADDRESS}>`);
    expect(await client.say('RCPT TO:<447700900123@otp.example>')).toMatchObject({ code: 452 });
  });

  test('with 550 and the reason, when no rule takes it', async () => {
    const reply = await rig.mail([SMS_ADDRESS], guideMail({ subject: 'Lunch' }));
    expect(reply).toEqual({
      code: 550,
      text: '5.7.1 no mail rule takes this mail: ise-guest: `subject` does not match; otp: `to` does not match every recipient',
    });
    expect(await rig.mail([SMS_ADDRESS], guideMail({ password: '' }))).toEqual({
      code: 550,
      text: expect.stringContaining('ise-guest: the field password is empty'),
    });
    const fields = ['to', 'username', 'password'];
    const refusal = await lastRefusal();
    expect(refusal).toMatchObject({ reason: 'rule', address: '127.0.0.1', fields });
    expect(JSON.stringify(refusal)).not.toMatch(/jsmith02|48501234567/);
  });

  test('with 550, when it passes the limits of its client', async () => {
    const reply = await rig.mail([SMS_ADDRESS], guideMail({ password: 'x'.repeat(400) }));
    expect(reply).toEqual({ code: 550, text: '5.7.1 ise-guest: the text needs 3 segments, 2 are allowed' });
    const long = await rig.mail(['447700900123@otp.example'], `\r\n${'\xd1\x8f'.repeat(20_000)}`);
    expect(long).toEqual({ code: 550, text: expect.stringMatching(/^5\.7\.1 otp: .* 255 parts/) });
  });

  test('with 552, announced or not, when it is too large', async () => {
    const client = await rig.open(rig.port);
    expect(await client.say(`MAIL FROM:<${SPONSOR}> SIZE=${MAX_SIZE + 1}`)).toMatchObject({ code: 552 });
    const reply = await rig.mail([SMS_ADDRESS], `${guideMail()}\r\n${'x'.repeat(70)}\r\n`.repeat(2_000));
    expect(reply.code).toBe(552);
    expect(await rig.passed()).toHaveLength(0);
  });
});

test('`hermod refusals` shows them, from every door, without texts and numbers', async () => {
  await rig.mail([SMS_ADDRESS], guideMail({ subject: 'Lunch' }));
  await rig.send({ to: 'bob', text: 'secret', 'x-odd': '1', '12 34': '' });
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => said.push(String(chunk)) > 0);
  try {
    const program = new Command('hermod').option('--config <file>').option('--json').exitOverride();
    addRefusals(program);
    await program.parseAsync(['refusals', '--json'], { from: 'user' });
    await program.parseAsync(['refusals', '--door', 'http'], { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  const [json, ...table] = said as [string, ...string[]];
  const rows = JSON.parse(json);
  const refused = { at: expect.any(Number), address: '127.0.0.1' };
  expect(rows).toContainEqual({
    ...{ ...refused, door: 'smtp', reason: 'rule', fields: [] },
    detail: expect.stringContaining('ise-guest: `subject` does not match'),
  });
  expect(rows).toContainEqual({
    ...{ ...refused, door: 'http', client: 'tester', reason: 'number' },
    fields: ['username', 'password', 'to', 'text', 'x-odd', '?'],
    detail: expect.stringContaining('denied'),
  });
  expect(table.join('')).toMatch(/http +tester +127\.0\.0\.1 +number +username,password,to,text,x-odd,\? /);
  expect(table.join('')).not.toMatch(/smtp/);
  expect(said.join('')).not.toMatch(/secret|foobar|bob|jsmith|48501234567/);
});

describe('a mail that comes again', () => {
  test('within ten minutes is answered with 250 and not sent again', async () => {
    const mail = guideMail();
    expect((await rig.mail([SMS_ADDRESS], mail)).text).toMatch(/accepted as/);
    expect(await rig.mail([SMS_ADDRESS], mail)).toEqual({
      code: 250,
      text: '2.6.0 this mail was accepted before and is not sent again',
    });
    expect(await lastRefusal()).toMatchObject({ reason: 'repeat', client: 'ise' });
    expect((await rig.mail([SMS_ADDRESS], guideMail())).text).toMatch(/accepted as/);
    expect(await rig.passed()).toHaveLength(2);
  });

  test('with the same Message-ID for another number is another SMS', async () => {
    await rig.mail([SMS_ADDRESS], guideMail({ id: '<same@ise2>' }));
    await rig.mail([SMS_ADDRESS], guideMail({ id: '<same@ise2>', to: '48501234568' }));
    expect(await rig.passed()).toHaveLength(2);
  });
});
