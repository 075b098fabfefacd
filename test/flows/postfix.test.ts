// The chain of Cisco's guide with Hermod in Kannel's place: ISE's mail through a real Postfix, to the PDU that the guide
// prints; and what Postfix makes of our answers when the gateway is away or does not want a mail.
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Postfix, startPostfix } from '../peers/postfix.ts';
import { GUIDE_PDU, GUIDE_SHORT_MESSAGE, guideMail, SMS_ADDRESS, SPONSOR } from '../rig/guide.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { until } from '../rig/until.ts';

const DOMAIN = 'test-cisco.com';

let rig: MailRig;
let postfix: Postfix;
beforeAll(async () => {
  rig = await startMailRig();
  postfix = await startPostfix(DOMAIN, rig.port);
}, 300_000);
afterAll(async () => {
  postfix?.stop();
  await rig?.stop();
});
beforeEach(() => rig.fresh());

/** Gives Postfix's name for the mail. */
async function sendAsIse(subject?: string): Promise<string> {
  const transport = createTransport({ host: '127.0.0.1', port: postfix.port, ignoreTLS: true });
  const { response } = await transport.sendMail({
    envelope: { from: SPONSOR, to: SMS_ADDRESS },
    raw: guideMail(subject ? { subject } : {}),
  });
  transport.close();
  return /queued as (\w+)/.exec(response)![1]!;
}

const line = (queueId: string, status: string) =>
  until(`Postfix says ${status}`, () =>
    postfix
      .log()
      .split('\n')
      .find((text) => text.includes(`${queueId}: to=`) && text.includes(`status=${status}`)),
  );

test("ISE's mail arrives as the guide's PDU, to the octet, and Postfix is told its id", async () => {
  const queueId = await sendAsIse();
  const pdu = await until('the PDU arrives', () => rig.smsc.received[0]);
  expect(pdu).toMatchObject(GUIDE_PDU);
  expect(pdu.shortMessage.toString('hex')).toBe(GUIDE_SHORT_MESSAGE);
  expect(await line(queueId, 'sent')).toMatch(/dsn=2\.6\.0, status=sent \(250 2\.6\.0 accepted as [0-9a-f-]{36}\)/);
});

test('a mail that no rule takes bounces with the reason', async () => {
  const queueId = await sendAsIse('Lunch');
  expect(await line(queueId, 'bounced')).toMatch(/dsn=5\.7\.1, .*550 5\.7\.1 no mail rule takes this mail: ise-guest/);
});

test('with the gateway away the mail waits at Postfix, and goes out once when it is back', async () => {
  await rig.stopServices();
  const queueId = await sendAsIse();
  await line(queueId, 'deferred');
  await rig.startServices();
  await until('the mail is delivered', async () => {
    postfix.flush();
    return postfix
      .log()
      .split('\n')
      .some((text) => text.includes(queueId) && text.includes('status=sent'));
  });
  expect(await rig.passed()).toHaveLength(1);
});
