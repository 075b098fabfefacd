import { afterAll, describe, expect, test } from 'vitest';
import { Unreadable } from '../../../services/ingress-smtp/mail.ts';
import { readMail } from '../../../services/ingress-smtp/read-mail.ts';
import { openReader } from '../../../services/ingress-smtp/reader.ts';
import { GUIDE_MAIL } from './guide.ts';

const mail = (...lines: string[]) => readMail(Buffer.from(lines.join('\r\n'), 'latin1'));
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the decoded text', () => {
  test('of plain text without MIME headers, as LinOTP sends it', async () => {
    expect(await mail('From: a@x', 'To: 4850@sms', 'Subject: [LinOTP]', '', '123456')).toEqual({
      from: 'a@x',
      to: ['4850@sms'],
      subject: '[LinOTP]',
      text: '123456',
    });
  });

  test('of base64 and an encoded subject, as privacyIDEA sends them', async () => {
    const subject = `=?utf-8?b?${base64('Ihr Schlüssel')}?=`;
    const headers = ['Content-Type: text/plain; charset="utf-8"', 'Content-Transfer-Encoding: base64'];
    expect(await mail(...headers, 'MIME-Version: 1.0', `Subject: ${subject}`, '', base64('Grüße 1'))).toMatchObject({
      subject: 'Ihr Schlüssel',
      text: 'Grüße 1',
    });
  });

  test('of quoted-printable in Latin-1', async () => {
    const headers = ['Content-Type: text/plain; charset=iso-8859-1', 'Content-Transfer-Encoding: quoted-printable'];
    expect(await mail(...headers, '', 'text:Password: f=FCnf =', 'und mehr')).toMatchObject({
      text: 'text:Password: fünf und mehr',
    });
  });

  test('has LF for every line end, whatever an encoding hid', async () => {
    const headers = ['Content-Type: text/plain', 'Content-Transfer-Encoding: base64'];
    expect(await mail(...headers, '', base64('a\r\nb\rc\n'))).toMatchObject({ text: 'a\nb\nc\n' });
  });

  test('of HTML alone: lines stay lines, and stay as long as they are', async () => {
    const long = 'word '.repeat(60).trim();
    const body = `<html><head><style>p{}</style></head><p>to:4850<br>text: a &amp; b</p><a href="http://x">${long}</a>`;
    const { text } = await mail('Content-Type: text/html', '', body);
    expect(text.split('\n').filter(Boolean)).toEqual(['to:4850', 'text: a & b', long]);
  });

  test('of an alternative: the plain one', async () => {
    const parts = [
      '--b',
      'Content-Type: text/plain',
      '',
      'to:4850',
      '--b',
      'Content-Type: text/html',
      '',
      '<p>no',
      '--b--',
    ];
    expect(await mail('Content-Type: multipart/alternative; boundary=b', '', ...parts)).toMatchObject({
      text: 'to:4850',
    });
  });

  test('has a hole where octets do not fit the character set', async () => {
    expect((await mail('Content-Type: text/plain; charset=utf-8', '', 'pass \xff')).text).toBe('pass \ufffd');
  });
});

describe('limits', () => {
  test('on MIME parts', async () => {
    const parts = Array.from({ length: 150 }, () => ['--b', '', 'x']).flat();
    await expect(mail('Content-Type: multipart/mixed; boundary=b', '', ...parts, '--b--')).rejects.toThrow(/100 MIME/);
  });

  test('on the depth of MIME parts', async () => {
    const nested = Array.from({ length: 150 }, (_, i) => [
      `Content-Type: multipart/mixed; boundary=b${i}`,
      '',
      `--b${i}`,
    ]);
    await expect(mail(...nested.flat(), '', 'x')).rejects.toThrow(Unreadable);
  });

  test('on the header', async () => {
    await expect(mail(`X: ${'x'.repeat(70_000)}`, '', 'x')).rejects.toThrow(/header over 65536/);
  });

  test('on the depth of HTML', async () => {
    await expect(mail('Content-Type: text/html', '', '<div>'.repeat(200), 'x')).rejects.toThrow(/100 deep/);
  });
});

describe('the reader', () => {
  const reader = openReader();
  afterAll(() => reader.close());

  test('gives up on a mail that takes too long, and reads the next', { timeout: 30_000 }, async () => {
    const bomb = Buffer.from(`Content-Type: text/html\r\n\r\n${'<div>'.repeat(2_000_000)}`);
    const bombed = reader.read(bomb);
    const next = reader.read(Buffer.from(GUIDE_MAIL));
    await expect(bombed).rejects.toThrow(/takes over 5 s|breaks the reader/);
    expect(await next).toMatchObject({ subject: 'Guest Text Notification' });
  });

  test('says what is wrong with a mail', async () => {
    await expect(reader.read(Buffer.from(`X: ${'x'.repeat(70_000)}\r\n\r\n`))).rejects.toThrow(Unreadable);
  });
});
