// The smtp bearer against a mail gateway that answers as told: mails, TLS and AUTH, connections, replies good and bad.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { smtpBearer } from '../../../services/egress-smtp/bearer.ts';
import { mailOf, octetsOf } from '../../../services/egress-smtp/mail.ts';
import { enhancedOf, verdict } from '../../../services/egress-smtp/verdict.ts';
import { type MailGateway, type MailGatewayOptions, startMailGateway } from '../../peers/mail-gateway.ts';
import { bearerOf, type Opened, openBearer, sms } from '../../rig/bearer.ts';
import { newAuthority } from '../../rig/certificates.ts';
import { until } from '../../rig/until.ts';

const authority = newAuthority();
const server = authority.issue('127.0.0.1');
const client = authority.issue('hermod-client');
let dir: string;
let gateway: MailGateway;
let opened: Opened | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-smtp-'));
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  writeFileSync(join(dir, 'client.pem'), client.cert);
  writeFileSync(join(dir, 'client.key'), client.key);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  await gateway?.stop();
});

type Row = Record<string, unknown>;
const bearer = (row: Row = {}) =>
  bearerOf(
    smtpBearer,
    {
      bearer: 'smtp',
      host: '127.0.0.1',
      port: gateway?.port ?? 25,
      security: 'none',
      from: 'otp@example.org',
      to: '{to}@sms.example.net',
      ...row,
    },
    { dir },
  );
const open = async (row: Row = {}, options: MailGatewayOptions = {}) => {
  gateway = await startMailGateway(options);
  opened = await openBearer(bearer(row));
  return opened;
};
/** Header lines and body of the mail that was taken last. */
const mail = () => {
  const [head = '', ...body] = gateway.taken.at(-1)!.data.split('\r\n\r\n');
  return { headers: head.split('\r\n'), body: body.join('\r\n\r\n') };
};
const header = (name: string) => mail().headers.filter((line) => line.toLowerCase().startsWith(`${name}:`));

describe('the examples of LinOTP and privacyIDEA', () => {
  test("LinOTP's page: number in the subject, text in the body, a fixed recipient, AUTH", async () => {
    const { handOver } = await open(
      {
        from: 'linotp@yourdomain.com',
        to: 'mailadress@smstp-gateway',
        subject: '<phone>',
        body: 'This is your OTP-value: <otp>',
        user: 'account-to-login-to-smtp-server',
        password: 'somesecret',
      },
      { login: { user: 'account-to-login-to-smtp-server', password: 'somesecret' } },
    );
    const message = sms({ text: '482913' });
    expect(await handOver(message)).toEqual({ kind: 'done', parts: [{ providerId: 'Q1', receipt: false }] });
    expect(gateway.taken[0]).toMatchObject({
      from: 'linotp@yourdomain.com',
      to: 'mailadress@smstp-gateway',
      user: 'account-to-login-to-smtp-server',
    });
    expect(mail().headers).toEqual([
      'From: linotp@yourdomain.com',
      'To: mailadress@smstp-gateway',
      'Subject: +447700900123',
      `Message-ID: <${message.id}.0@yourdomain.com>`,
      'Content-Transfer-Encoding: 7bit',
      expect.stringMatching(/^Date: /),
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
    ]);
    expect(mail().body.trimEnd()).toBe('This is your OTP-value: 482913');
  });

  test("LinOTP's number settings, and its tag in mailto", async () => {
    const number = { msisdn: true, suppressPrefix: '+44' };
    const { handOver } = await open({ to: '<phone>@sms.example.net', subject: '[LinOTP]', body: '<otp>', number });
    await handOver(sms({ given: '+44 (7700) 900-123' }));
    expect(gateway.taken[0]!.to).toBe('7700900123@sms.example.net');
  });

  test("privacyIDEA's defaults: {phone} in the subject, {otp} in the body", async () => {
    const { handOver } = await open({ to: 'sms@gateway.example', subject: '{phone}', body: '{otp}' });
    await handOver(sms({ text: 'Grüße: ключ 482913' }));
    expect(header('subject')).toEqual(['Subject: +447700900123']);
    const parsed = await simpleParser(gateway.taken[0]!.data);
    expect(parsed.text!.trimEnd()).toBe('Grüße: ключ 482913');
  });

  test("privacyIDEA's REGEXP and {phone} in MAILTO", async () => {
    const { handOver } = await open({ to: '{phone}@sms.example.net', number: { replace: '/^\\+44/0/' } });
    await handOver(sms());
    expect(gateway.taken[0]!.to).toBe('07700900123@sms.example.net');
  });
});

describe('what a text may not do', () => {
  test('line breaks in a text make no header, and dots on their own no end', async () => {
    const text = 'a\r\nBcc: thief@example.net\r\n\r\n.\r\nMAIL FROM:<x@y>\r\n.';
    const { handOver } = await open({ to: 'sms@gateway.example', subject: 'SMS {text}' });
    expect(await handOver(sms({ text }))).toMatchObject({ kind: 'done' });
    expect(gateway.taken).toHaveLength(1);
    expect(header('bcc')).toEqual([]);
    expect(header('subject').join('')).toContain('SMS a Bcc: thief@example.net');
    const parsed = await simpleParser(gateway.taken[0]!.data);
    expect(parsed.text!.trimEnd()).toBe(text.replaceAll('\r\n', '\n').trimEnd());
    expect(gateway.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
  });

  test('no text, number or sender makes a second recipient', () => {
    const row = (to: string) => bearer({ to });
    for (const text of ['a, b', 'x@y> <z', 'a b', 'ü', '"a b"', 'a\r\nRCPT TO:<x@y>', ''])
      expect(() => row('{text}@sms.example.net').prepare(sms({ text })), text).toThrow('no mail address');
    expect(() => row('{from}@sms.example.net').prepare(sms({ from: 'Acme Ltd' }))).toThrow('no mail address');
  });

  test('any text and any template: one From, To and Subject, and the body as it was', async () => {
    const anything = fc.string({
      unit: fc.constantFrom(
        'a',
        '1',
        ' ',
        '\r',
        '\n',
        '.',
        ':',
        '<',
        '>',
        '{',
        '}',
        '=',
        'ü',
        '🔑',
        '\u2028',
        '\t',
        '\0',
        '"',
        '@',
      ),
    });
    await fc.assert(
      fc.asyncProperty(anything, anything, async (text, from) => {
        const row = { from: 'otp@example.org', to: 'sms@gateway.example', subject: 'x{text} {from}', body: 'x{text}x' };
        const number = { form: 'given', msisdn: false, suppressPrefix: '' } as const;
        const octets = await octetsOf(mailOf(sms({ text, from }), { ...row, number }));
        const head = octets.toString('latin1').split('\r\n\r\n')[0]!;
        const names = head
          .split('\r\n')
          .filter((line) => !/^[ \t]/.test(line))
          .map((line) => line.split(':')[0]);
        expect(names.sort()).toEqual(
          [
            'Content-Transfer-Encoding',
            'Content-Type',
            'Date',
            'From',
            'MIME-Version',
            'Message-ID',
            'Subject',
            'To',
          ].sort(),
        );
        expect(octets.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the connection', () => {
  const tls = { ca: 'ca.pem' };

  test.each([['starttls'], ['tls']] as const)('%s, verified, with a client certificate', async (security) => {
    const { handOver } = await open(
      { security, tls: { ...tls, cert: 'client.pem', key: 'client.key' } },
      { security, tls: { ...server, ca: authority.ca } },
    );
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
    expect(gateway.taken[0]).toMatchObject({ encrypted: true, peer: 'hermod-client' });
  });

  test.each([['starttls'], ['tls']] as const)('%s: a certificate of someone else is refused', async (security) => {
    const failure = await open({ security }, { security, tls: server }).catch((error: Error) => error.message);
    expect(failure).toMatch(/^127\.0\.0\.1:\d+: .*certificate/);
    expect(gateway.lines.some((line) => /^(AUTH|MAIL)/.test(line))).toBe(false);
  });

  test('unless the row says that nobody is verified', async () => {
    const { handOver } = await open(
      { security: 'starttls', tls: { verify: false } },
      { security: 'starttls', tls: server },
    );
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
  });

  test('a server that offers no STARTTLS gets neither password nor mail', async () => {
    const login = { user: 'u', password: 'hunter2' };
    await expect(open({ security: 'starttls', ...login }, { login })).rejects.toThrow(/^127\.0\.0\.1:\d+: /);
    expect(gateway.lines.join('\n')).not.toMatch(/AUTH|MAIL/);
  });

  test('a wrong password, and a server that takes none: no link, and the password is in no reason', async () => {
    const right = { user: 'u', password: 'right' };
    const wrong = await open({ user: 'u', password: 'hunter2' }, { login: right }).catch(
      (error: Error) => error.message,
    );
    expect(wrong).toMatch(/^127\.0\.0\.1:\d+: AUTH PLAIN: 535 5\.7\.8/);
    expect(wrong).not.toMatch(/hunter2|aHVudGVyMg/);
    await gateway.stop();
    await expect(open({ user: 'u', password: 'hunter2' })).rejects.toThrow('does not offer AUTH');
  });

  test('connections are kept and used again, as many as the window has', async () => {
    const { handOver } = await open();
    for (let i = 0; i < 5; i++) expect(await handOver(sms())).toMatchObject({ kind: 'done' });
    expect(gateway.connections().all).toBe(1);
    await Promise.all(Array.from({ length: 4 }, () => handOver(sms())));
    await Promise.all(Array.from({ length: 4 }, () => handOver(sms())));
    expect(gateway.connections().all).toBe(4);
  });

  test('an idle one is closed with QUIT, and the next mail opens another', async () => {
    const { handOver } = await open({ idle: '100ms' });
    await handOver(sms());
    await until('it is closed', () => gateway.connections().open === 0);
    expect(gateway.lines.at(-1)).toBe('QUIT');
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
  });

  test('one that the server has closed meanwhile costs no message', async () => {
    const { handOver } = await open();
    await handOver(sms());
    gateway.replies.MAIL = ['cut'];
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
    expect(gateway.taken).toHaveLength(2);
  });
});

describe('replies', () => {
  test.each([
    ['MAIL', '450 4.1.0 later', { kind: 'retry' }],
    ['RCPT', '450 4.2.0 greylisted', { kind: 'retry' }],
    ['RCPT', '450 4.7.1 too much mail', { kind: 'throttled' }],
    ['RCPT', '451 4.3.0 local error', { kind: 'retry' }],
    ['RCPT', '452 4.5.3 too many recipients', { kind: 'throttled' }],
    ['MAIL', '421 4.3.2 shutting down', { kind: 'throttled' }],
    ['mail', '452 4.3.1 no room', { kind: 'throttled' }],
    ['mail', '451 4.3.0 queue', { kind: 'retry' }],
    ['MAIL', '530 5.7.0 AUTH first', { kind: 'refused', scope: 'provider', code: 530 }],
    ['RCPT', '550 5.1.1 no such user', { kind: 'refused', scope: 'recipient', code: 550 }],
    ['RCPT', '501 5.1.3 bad address', { kind: 'refused', scope: 'message', code: 501 }],
    ['DATA', '554 5.5.1 no', { kind: 'refused', scope: 'provider', code: 554 }],
    ['mail', '554 5.7.1 spam', { kind: 'refused', scope: 'provider', code: 554 }],
    ['mail', '554 5.6.0 content', { kind: 'refused', scope: 'message', code: 554 }],
    ['mail', 'cut', { kind: 'unknown' }],
  ] as const)('%s: %s', async (command, reply, outcome) => {
    const { handOver, ended } = await open();
    gateway.replies[command] = [reply];
    expect(await handOver(sms())).toMatchObject(outcome);
    expect(ended()).toBeUndefined();
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
  });

  test('a refused recipient is the provider when the address is the same for every number', async () => {
    const { handOver } = await open({ to: 'sms@gateway.example' });
    gateway.replies.RCPT = ['550 5.1.1 no such user'];
    expect(await handOver(sms())).toMatchObject({ kind: 'refused', scope: 'provider' });
  });

  test('a server that hangs: unknown once it has the mail, and unavailable before', async () => {
    const { handOver, ended } = await open({ responseTimeout: '1s' });
    gateway.replies.mail = ['hang'];
    expect(await handOver(sms())).toEqual({
      kind: 'unknown',
      reason: 'the mail server did not answer within 1 s',
    });
    gateway.replies.RCPT = ['hang', 'hang'];
    expect(await handOver(sms())).toMatchObject({ kind: 'unavailable' });
    await until('the link is over', () => ended() !== undefined);
  });

  test('a server that is away', async () => {
    const { handOver, ended } = await open();
    await gateway.stop();
    expect(await handOver(sms())).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringMatching(/^127\.0\.0\.1:\d+: connect ECONNREFUSED/),
    });
    await until('the link is over', () => ended() !== undefined);
  });

  test.each(['554 5.3.2 not today', 'cut'])('a greeting of %s is no link', async (reply) => {
    gateway = await startMailGateway();
    gateway.replies.greeting = [reply];
    await expect(openBearer(bearer())).rejects.toThrow(/^127\.0\.0\.1:\d+: /);
  });

  test('the number and the words of the text are in no reason', async () => {
    const { handOver } = await open();
    gateway.replies.mail = ['554 5.7.1 "Your code is 482913" to 447700900123 <447700900123@sms.example.net> is spam'];
    const outcome = await handOver(sms());
    expect(outcome).toMatchObject({ reason: expect.stringContaining('DATA: 554 5.7.1') });
    expect(JSON.stringify(outcome)).not.toMatch(/482913|447700900123|Your|code is/);
  });

  test('every refusal has an outcome that is no success', () => {
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 599 }), fc.string(), fc.boolean(), (code, said, numbered) => {
        const { kind } = verdict({ command: 'RCPT TO', code, enhanced: enhancedOf(`${code} ${said}`), said }, numbered);
        expect(kind).toMatch(code < 500 ? /^(retry|throttled)$/ : /^refused$/);
      }),
    );
  });
});

test('a worker that stops waits for its mails and says QUIT', async () => {
  const { link, handOver } = await open();
  const outcomes = Promise.all([handOver(sms()), handOver(sms()), handOver(sms())]);
  await link.close(5_000);
  expect((await outcomes).map(({ kind }) => kind)).toEqual(['done', 'done', 'done']);
  await until('all are closed', () => gateway.connections().open === 0);
  expect(gateway.lines.filter((line) => line === 'QUIT')).toHaveLength(gateway.connections().all);
});
