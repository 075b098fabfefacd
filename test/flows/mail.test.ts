// The mail door against a real broker: the guide's mail to the octet, who may send, what is refused when, repeats, limits.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Command } from 'commander';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openBus } from '#shared/bus/bus.ts';
import { askRefusals } from '#shared/doors/refusals.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { addRefusals } from '../../deploy/cli/refusals.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import * as peer from '../peers/smtp-client.ts';
import { startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { newAuthority } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, type Settings, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SPONSOR = 'sponsor@test-cisco.com';
const SMS = 'sms@test-cisco.com';
const STRANGER = '127.0.0.9';
const MAX_SIZE = 65_536;
const PER_ADDRESS = 8;

let rig: Rig;
let port: number;
let tlsPort: number;
let broker: TcpProxy;
const realBroker = process.env.AMQP_URL!;

const rules = [
  {
    name: 'ise-guest',
    client: 'ise',
    networks: ['127.0.0.1'],
    when: { to: '^sms@', subject: 'Guest.*Text.*Notification' },
    pick: ['^to:(?P<to>.*)$', '^text:Username:(?P<username>.*)$', '^text:Password:(?P<password>.*)$'],
    number: '{to}',
    text: 'ISE Guest portal Username: {username} Password: {password}',
  },
  {
    name: 'otp',
    client: 'tester',
    networks: ['127.0.0.1'],
    when: { to: '^(?P<phone>[^@]*)@otp\\.example$', body: '(?s)\\A\\s*(?P<otp>.*\\S)' },
    number: '{phone}',
    text: '{otp}',
    validity: '120s',
  },
  {
    name: 'login',
    client: 'webmail',
    when: { to: '^(?P<phone>[^@]*)@login\\.example$' },
    number: '{phone}',
    text: 'Hi',
  },
];

beforeAll(async () => {
  const { hostname, port: amqpPort } = new URL(realBroker);
  broker = await startTcpProxy({ host: hostname, port: Number(amqpPort || 5672) });
  const url = new URL(realBroker);
  url.host = `127.0.0.1:${broker.port}`;
  process.env.AMQP_URL = url.href;
  [port, tlsPort] = [await freePort(), await freePort()];
  rig = await startRig({ settings: withMail, services: [ledger, router, egressSmpp, ingressHttp, ingressSmtp] });
});
afterAll(async () => {
  await rig?.stop();
  await broker?.stop();
  process.env.AMQP_URL = realBroker;
});
beforeEach(async () => {
  await passed();
  rig.smsc.received.length = 0;
});

function withMail(standard: Settings & { listen: Settings; clients: Settings }): Settings {
  return {
    ...standard,
    listen: { ...standard.listen, smtp: { port, maxSize: `${MAX_SIZE}B`, maxPerAddress: PER_ADDRESS } },
    clients: {
      ...standard.clients,
      ise: { password: 'guest-portal', sender: '12345', country: 'PL', maxSegments: 2 },
      webmail: { password: 'correct horse', sender: 'Web' },
    },
    mail: { rules: rules.slice(0, 2) },
  };
}

const clients: peer.SmtpClient[] = [];
const keep = (client: peer.SmtpClient) => {
  clients.push(client);
  return client;
};
const dial = async (...args: Parameters<typeof peer.dial>) => keep(await peer.dial(...args));
const open = async (...args: Parameters<typeof peer.open>) => keep(await peer.open(...args));
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

let number = 0;
const guideMail = ({ id = `<${++number}.JavaMail.root@ise2>`, to = '48501234567', password = ' t6ub79_6r' } = {}) =>
  [
    `From: ${SPONSOR}`,
    `To: ${SMS}`,
    `Message-ID: ${id}`,
    'Subject: Guest Text Notification',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `to:${to}`,
    'text:Username: jsmith02',
    `text:Password:${password}`,
  ].join('\r\n');

const arrived = (count: number) => until(`${count} PDUs`, () => rig.smsc.received.length >= count);
const MARKER = '447700900999';
/** What has arrived once everything sent before has: a last SMS goes the same way. */
async function passed() {
  if (!rig.smsc.binds().now) return [];
  const text = `marker ${++number}`;
  await until('the marker is taken', async () => (await rig.send({ to: MARKER, text })).status === 202);
  await until('the marker arrives', () =>
    rig.smsc.received.some(({ shortMessage }) => shortMessage.toString() === text),
  );
  return rig.smsc.received.filter(({ dest }) => dest.addr !== MARKER);
}
const idIn = (text: string) => /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(text)![0];
const send = async (to: string[], data: string, from = SPONSOR) => {
  const client = await open(port);
  const reply = await client.mail(from, to, data);
  return reply;
};
/** What the door remembers about its last refusal, asked over the bus as `hermod refusals` does. */
async function lastRefusal() {
  const bus = await openBus(realBroker, 'test', openLog('test'));
  const answers = await askRefusals(bus, 300);
  await bus.close();
  return answers.find(({ door }) => door === 'smtp')?.refusals.at(-1);
}

describe('a mail becomes an SMS', () => {
  test("the guide's mail arrives as the guide's PDU, to the octet", async () => {
    const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true });
    const { response } = await transport.sendMail({
      envelope: { from: SPONSOR, to: SMS },
      raw: guideMail(),
    });
    transport.close();
    expect(response).toMatch(/^250 2\.6\.0 accepted as /);
    await arrived(1);
    const pdu = rig.smsc.received[0]!;
    expect(pdu).toMatchObject({
      source: { ton: 2, npi: 1, addr: '12345' },
      dest: { ton: 2, npi: 1, addr: '48501234567' },
      serviceType: '',
      esmClass: 3,
      protocolId: 0,
      priorityFlag: 0,
      scheduleDeliveryTime: '',
      validityPeriod: '',
      registeredDelivery: 0,
      dataCoding: 0,
    });
    expect(pdu.shortMessage.toString('hex')).toBe(
      '49534520477565737420706f7274616c20557365726e616d653a20206a736d697468303220' +
        '50617373776f72643a2020743675623739113672',
    );
    expect(rig.smsc.received).toHaveLength(1);
  });

  test('its validity is that of the rule, and the client may be told its story', async () => {
    const { code, text } = await send(['447700900123@otp.example'], 'Subject: code\r\n\r\n123 456\r\n');
    expect(code).toBe(250);
    await arrived(1);
    expect(rig.smsc.received[0]!.shortMessage.toString()).toBe('123 456');
    const story = await rig.final(idIn(text));
    expect(story).toMatchObject({ state: 'sent', client: 'tester', door: 'smtp' });
    expect(Number(story.expiry) - Number(story.acceptedAt)).toBe(120_000);
  });

  test('one for each recipient, all with one answer', async () => {
    const to = ['447700900123@otp.example', '447700900124@otp.example', '+447700900123@otp.example'];
    const { code, text } = await send(to, 'Subject: code\r\n\r\n123456');
    expect([code, text]).toEqual([250, expect.stringMatching(/ and 1 more$/)]);
    await arrived(2);
    expect(rig.smsc.received.map(({ dest }) => dest.addr).sort()).toEqual(['447700900123', '447700900124']);
  });

  test('the text is taken off dot-stuffing and transfer encoding', async () => {
    const text = '.hidden\n..two ü';
    const body = Buffer.from(text).toString('base64');
    const headers = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ';
    await send(['447700900123@otp.example'], `${headers}base64\r\n\r\n${body}`);
    await send(['447700900123@otp.example'], `${headers}8bit\r\n\r\n..hidden\r\n...two \xc3\xbc`);
    await arrived(2);
    const texts = rig.smsc.received.map(({ shortMessage }) => shortMessage.toString('latin1'));
    expect(texts).toEqual(['.hidden\n..two \x7e', '.hidden\n..two \x7e']);
  });
});

describe('is refused', () => {
  test('at the connection, from an address that no rule is open to', async () => {
    const client = await dial(port, { localAddress: STRANGER });
    expect(await client.reply()).toEqual({ code: 554, text: '5.7.1 no mail rule is open to this address' });
    await client.ended;
    expect(await lastRefusal()).toMatchObject({ reason: 'network', address: STRANGER });
  });

  test('at RCPT, when its local part should be a number and is none', async () => {
    const client = await open(port);
    await client.say(`MAIL FROM:<${SPONSOR}>`);
    expect(await client.say('RCPT TO:<bob@otp.example>')).toEqual({
      code: 550,
      text: '5.1.1 a number has only digits, a + before them, and blank . ( ) - / between them',
    });
    expect(await client.say('RCPT TO:<09012345678@otp.example>')).toMatchObject({ code: 550 });
    expect(await client.say('RCPT TO:<447700900123@otp.example>')).toMatchObject({ code: 250 });
    expect(await lastRefusal()).toMatchObject({ reason: 'number' });
  });

  test('with 550 and the reason, when no rule takes it', async () => {
    const reply = await send([SMS], guideMail().replace('Guest Text', 'Lunch'));
    expect(reply.code).toBe(550);
    expect(reply.text).toBe(
      '5.7.1 no mail rule takes this mail: ise-guest: `subject` does not match; otp: `to` does not match every recipient',
    );
    expect(await send([SMS], guideMail({ password: '' }))).toEqual({
      code: 550,
      text: expect.stringContaining('ise-guest: the field password is empty'),
    });
    expect(await lastRefusal()).toMatchObject({
      reason: 'rule',
      address: '127.0.0.1',
      fields: ['to', 'username', 'password'],
    });
    expect(JSON.stringify(await lastRefusal())).not.toMatch(/jsmith02|48501234567/);
  });

  test('with 550, when it passes the limits of its client', async () => {
    const reply = await send([SMS], guideMail({ password: 'x'.repeat(400) }));
    expect(reply).toEqual({ code: 550, text: '5.7.1 ise-guest: the text needs 3 segments, 2 are allowed' });
    const long = await send(['447700900123@otp.example'], `\r\n${'\xd1\x8f'.repeat(20_000)}`);
    expect(long).toEqual({ code: 550, text: expect.stringMatching(/^5\.7\.1 otp: .* 255 parts/) });
  });

  test('with 452 at RCPT, when another rule is for this recipient than for those before', async () => {
    const client = await open(port);
    await client.say(`MAIL FROM:<${SPONSOR}>`);
    await client.say(`RCPT TO:<${SMS}>`);
    expect(await client.say('RCPT TO:<447700900123@otp.example>')).toMatchObject({ code: 452 });
  });

  test('with 552, announced or not, and no more than the limit is held', async () => {
    const client = await open(port);
    expect(await client.say(`MAIL FROM:<${SPONSOR}> SIZE=${MAX_SIZE + 1}`)).toMatchObject({ code: 552 });
    const reply = await send([SMS], `${guideMail()}\r\n${'x'.repeat(70)}\r\n`.repeat(2_000));
    expect(reply.code).toBe(552);
    expect(await passed()).toHaveLength(0);
  });

  test('as a relay for anyone', async () => {
    const reply = await send(['someone@gmail.com'], guideMail());
    expect(reply).toEqual({ code: 550, text: '5.1.1 no mail rule is for this recipient' });
  });

  test('at the connection, when one address has too many', async () => {
    for (let opened = 0; ; opened++) {
      expect(opened).toBeLessThanOrEqual(PER_ADDRESS);
      const { code, text } = await (await dial(port)).reply();
      if (code === 220) continue;
      expect([code, text]).toEqual([421, '4.7.0 too many connections from here']);
      break;
    }
    for (const client of clients.splice(0)) client.close();
    await until('there is room again', () => open(port));
  });
});

test('`hermod refusals` shows them, from every door, without texts and numbers', async () => {
  await send([SMS], guideMail().replace('Guest Text', 'Lunch'));
  await rig.send({ to: 'bob', text: 'secret', 'x-odd': '1', '123456': '' });
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
  expect(rows).toContainEqual({
    ...{ door: 'smtp', at: expect.any(Number), address: '127.0.0.1', reason: 'rule', fields: [] },
    detail: expect.stringContaining('ise-guest: `subject` does not match'),
  });
  expect(rows).toContainEqual({
    ...{ door: 'http', at: expect.any(Number), address: '127.0.0.1', client: 'tester', reason: 'number' },
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
    expect((await send([SMS], mail)).text).toMatch(/accepted as/);
    await arrived(1);
    expect(await send([SMS], mail)).toEqual({
      code: 250,
      text: '2.6.0 this mail was accepted before and is not sent again',
    });
    expect(await lastRefusal()).toMatchObject({ reason: 'repeat', client: 'ise' });
    expect((await send([SMS], guideMail({ id: '<other@ise2>' }))).text).toMatch(/accepted as/);
    expect(await passed()).toHaveLength(2);
  });

  test('with the same Message-ID for another number is another SMS', async () => {
    await send([SMS], guideMail({ id: '<same@ise2>' }));
    await send([SMS], guideMail({ id: '<same@ise2>', to: '48501234568' }));
    await arrived(2);
  });
});

describe('with the broker away', () => {
  test('cut: 451 at once, and the mail goes through when it is back', async () => {
    const mail = guideMail();
    const client = await open(port);
    broker.cut();
    const started = performance.now();
    const reply = await client.mail(SPONSOR, [SMS], mail);
    expect(reply).toMatchObject({ code: 451, text: expect.stringMatching(/^4\.3\.0 /) });
    expect(performance.now() - started).toBeLessThan(2_000);
    broker.heal();
    await until('the door takes mail again', async () => (await send([SMS], mail)).code === 250);
    expect(await passed()).toHaveLength(1);
  });

  test('silent: 451 within two seconds', async () => {
    const client = await open(port);
    expect(await client.envelope(SPONSOR, [SMS])).toMatchObject({ code: 354 });
    broker.freeze();
    const started = performance.now();
    client.write(`${guideMail()}\r\n.\r\n`);
    expect(await client.reply()).toMatchObject({ code: 451, text: expect.stringMatching(/^4\.3\.0 /) });
    expect(performance.now() - started).toBeLessThan(2_000);
    broker.heal();
    await until('the door takes mail again', async () => (await send([SMS], guideMail())).code === 250);
  });
});

describe('smuggling: only CR LF . CR LF ends a mail, and CR or LF alone refuse it', () => {
  const second = `MAIL FROM:<${SPONSOR}>\r\nRCPT TO:<447700900123@otp.example>\r\nDATA\r\n\r\nsmuggled\r\n.\r\n`;

  test.each([
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r\n.\r',
    '\r.\r\n',
    '\n.\r',
    '\0.\r\n',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
  ])('%j does not', async (end) => {
    const client = await open(port);
    await client.envelope(SPONSOR, [SMS]);
    client.write(`${guideMail()}${end}${second.slice(0, -5)}\r\n.\r\n`);
    expect(await client.reply()).toMatchObject({
      code: 554,
      text: expect.stringMatching(/^5\.6\.0 this is not a mail/),
    });
    expect(await client.say('NOOP')).toMatchObject({ code: 250, text: 'OK' });
    expect(await passed()).toHaveLength(0);
  });

  test('wherever the network cuts it, a mail with dots is the same mail', async () => {
    const data = `${guideMail({ password: ' a' })}\r\n..\r\n...\r\n.. \r\n.\r\n`;
    const tail = data.length - 24;
    const client = await open(port);
    for (let cut = tail; cut < data.length; cut++) {
      await client.envelope(SPONSOR, [SMS]);
      client.write(data.slice(0, cut).replace('JavaMail', `cut${cut}`));
      await new Promise((resolve) => setImmediate(resolve));
      for (const octet of data.slice(cut)) {
        client.write(octet);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(await client.reply()).toMatchObject({ code: 250 });
    }
    expect(await passed()).toHaveLength(24);
  });
});

describe('a door with AUTH and TLS', () => {
  const authority = newAuthority();
  const trust = { ca: authority.ca, servername: 'localhost' };
  let secure: Rig;
  let refusingPlain: number;
  beforeAll(async () => {
    await rig.stopServices();
    refusingPlain = tlsPort;
    secure = await startRig({
      settings: (standard) => {
        const { cert, key } = authority.issue('localhost');
        writeFileSync(join(rig.dir, 'cert.pem'), cert);
        writeFileSync(join(rig.dir, 'key.pem'), key);
        const tls = { cert: join(rig.dir, 'cert.pem'), key: join(rig.dir, 'key.pem') };
        return {
          ...standard,
          listen: { ...standard.listen, smtp: { port: tlsPort, auth: 'tls', tls, requireTls: true } },
          clients: {
            webmail: { password: 'correct horse', sender: 'Web' },
            ise: { password: 'guest-portal', sender: '12345', networks: ['10.0.0.0/8'] },
          },
          mail: { rules: rules.map((rule) => ({ ...rule, client: rule.client === 'tester' ? 'ise' : rule.client })) },
        };
      },
      services: [ledger, router, egressSmpp, ingressSmtp],
    });
  });
  afterAll(async () => {
    await secure?.stop();
    await rig.startServices();
  });
  const transport = (auth?: { user: string; pass: string }) =>
    createTransport({
      host: '127.0.0.1',
      port: refusingPlain,
      requireTLS: true,
      tls: trust,
      auth,
    });
  const mail = { envelope: { from: SPONSOR, to: '447700900123@login.example' }, raw: 'Subject: x\r\n\r\nx' };

  test('offers STARTTLS, and AUTH only over it', async () => {
    const client = await dial(tlsPort);
    await client.reply();
    const { text } = await client.say('EHLO test');
    expect(text).toMatch(/STARTTLS/);
    expect(text).not.toMatch(/AUTH/);
    expect(await client.say(`AUTH PLAIN ${Buffer.from('\0webmail\0correct horse').toString('base64')}`)).toMatchObject({
      code: 500,
    });
    expect(await client.say(`MAIL FROM:<${SPONSOR}>`)).toMatchObject({ code: 530 });
  });

  test('takes mail from a client that logs in, for the rules of this client', async () => {
    const mailer = transport({ user: 'webmail', pass: 'correct horse' });
    expect((await mailer.sendMail(mail)).response).toMatch(/^250 2\.6\.0/);
    const other = { ...mail, envelope: { from: SPONSOR, to: '447700900123@otp.example' } };
    await expect(mailer.sendMail(other)).rejects.toThrow(/550 5\.1\.1 no mail rule is for this recipient/);
    mailer.close();
    await until('the PDU', () => secure.smsc.received[0]);
    expect(secure.smsc.received[0]).toMatchObject({ source: { addr: 'Web' }, dest: { addr: '447700900123' } });
  });

  test.each([
    ['a wrong password', { user: 'webmail', pass: 'wrong' }],
    ['an unknown name', { user: 'nobody', pass: 'correct horse' }],
    ['an address outside its networks', { user: 'ise', pass: 'guest-portal' }],
  ])('refuses %s alike', async (_what, auth) => {
    const mailer = transport(auth);
    await expect(mailer.sendMail(mail)).rejects.toThrow(/535 5\.7\.8 the name or password is wrong/);
    mailer.close();
  });

  test('refuses mail without a login, and ends a connection that guesses', async () => {
    await expect(transport().sendMail(mail)).rejects.toThrow(/530 5\.7\.0 authentication required/);
    const plain = await dial(tlsPort);
    await plain.reply();
    await plain.say('EHLO test');
    await plain.say('STARTTLS');
    plain.socket.removeAllListeners('data');
    const client = peer.clientOn(connectTls({ socket: plain.socket, ...trust }));
    await client.say('EHLO test');
    const guess = `AUTH PLAIN ${Buffer.from('\0webmail\0guess').toString('base64')}`;
    expect((await client.say(guess)).code).toBe(535);
    expect((await client.say(guess)).code).toBe(535);
    expect((await client.say(guess)).code).toBe(421);
    await client.ended;
  });

  test('throws away what came in clear behind STARTTLS', async () => {
    const plain = await dial(tlsPort);
    await plain.reply();
    await plain.say('EHLO test');
    plain.write('STARTTLS\r\nNOOP\r\nNOOP\r\n');
    await plain.reply();
    plain.socket.removeAllListeners('data');
    const client = peer.clientOn(connectTls({ socket: plain.socket, ...trust }));
    expect((await client.say('EHLO test')).text).toMatch(/AUTH PLAIN LOGIN/);
  });
});
