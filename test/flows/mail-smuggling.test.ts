// Only CR LF . CR LF ends a mail, and a mail that has CR or LF alone, or a NUL, is refused: no two servers can disagree
// about where it ends.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { GUIDE_SHORT_MESSAGE, guideMail, SMS_ADDRESS, SPONSOR } from '../rig/guide.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';

let rig: MailRig;
beforeAll(async () => {
  rig = await startMailRig();
});
afterAll(() => rig?.stop());
beforeEach(() => rig.fresh());
afterEach(() => rig.hangUp());

const smuggled = `MAIL FROM:<${SPONSOR}>\r\nRCPT TO:<447700900123@otp.example>\r\nDATA\r\n\r\nsmuggled`;

test.each([
  ...['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n', '\n.\r'],
  ...['\0.\r\n', '\r\n\0.\r\n', '\r\n.\0\r\n'],
])('%j does not end it, and refuses it', async (end) => {
  const client = await rig.open(rig.port);
  await client.envelope(SPONSOR, [SMS_ADDRESS]);
  client.write(`${guideMail()}${end}${smuggled}\r\n.\r\n`);
  const reply = await client.reply();
  expect(reply).toMatchObject({ code: 554, text: expect.stringMatching(/^5\.6\.0 this is not a mail as RFC 5321/) });
  expect(await client.say('NOOP')).toMatchObject({ code: 250, text: 'OK' });
  expect(await rig.passed()).toHaveLength(0);
});

test('wherever the network cuts it, a mail with dots is the same mail', async () => {
  const TAIL = 24;
  const client = await rig.open(rig.port);
  for (let cut = TAIL; cut > 0; cut--) {
    const data = `${guideMail()}\r\n..\r\n...\r\n.. \r\n.\r\n`;
    await client.envelope(SPONSOR, [SMS_ADDRESS]);
    client.write(data.slice(0, -cut));
    for (const octet of data.slice(-cut)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      client.write(octet);
    }
    expect(await client.reply()).toMatchObject({ code: 250 });
  }
  const pdus = await rig.passed();
  expect(pdus).toHaveLength(TAIL);
  for (const { shortMessage } of pdus) expect(shortMessage.toString('hex')).toBe(GUIDE_SHORT_MESSAGE);
});
