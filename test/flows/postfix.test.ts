// The chain of Cisco's guide with Hermod in Kannel's place: ISE's mail through a real Postfix, to the PDU that the guide
// prints; and what Postfix makes of our answers when the gateway is away or does not want a mail.
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type Postfix, startPostfix } from '../peers/postfix.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const DOMAIN = 'test-cisco.com';
const PDU =
  '49534520477565737420706f7274616c20557365726e616d653a20206a736d697468303220' +
  '50617373776f72643a2020743675623739113672';

let rig: Rig;
let postfix: Postfix;
beforeAll(async () => {
  const port = await freePort();
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smtp: { port } },
      mail: {
        rules: [
          {
            name: 'ise-guest',
            client: 'tester',
            networks: ['127.0.0.1'],
            when: { to: '^sms@', subject: 'Guest.*Text.*Notification' },
            pick: ['^to:(?P<to>.*)$', '^text:Username:(?P<username>.*)$', '^text:Password:(?P<password>.*)$'],
            number: '{to}',
            text: 'ISE Guest portal Username: {username} Password: {password}',
          },
        ],
      },
    }),
    services: [ledger, router, egressSmpp, ingressSmtp],
  });
  postfix = await startPostfix(DOMAIN, port);
}, 300_000);
afterAll(async () => {
  postfix?.stop();
  await rig?.stop();
});
beforeEach(() => {
  rig.smsc.received.length = 0;
});

/** As ISE's JavaMail writes it; Postfix adds what it always adds. */
async function sendAsIse(subject = 'Guest Text Notification'): Promise<string> {
  const transport = createTransport({ host: '127.0.0.1', port: postfix.port, ignoreTLS: true });
  const { response } = await transport.sendMail({
    envelope: { from: `sponsor@${DOMAIN}`, to: `sms@${DOMAIN}` },
    raw: [
      `From: sponsor@${DOMAIN}`,
      `To: sms@${DOMAIN}`,
      `Message-ID: <${process.hrtime.bigint()}.JavaMail.root@ise2>`,
      `Subject: ${subject}`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=us-ascii',
      'Content-Transfer-Encoding: 7bit',
      '',
      'to:48501234567',
      'text:Username: jsmith02',
      'text:Password: t6ub79_6r',
      '',
    ].join('\r\n'),
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
  await until('the PDU arrives', () => rig.smsc.received.length > 0);
  expect(rig.smsc.received[0]).toMatchObject({
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
  expect(rig.smsc.received[0]!.shortMessage.toString('hex')).toBe(PDU);
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
  await until('the PDU arrives', () => rig.smsc.received.length > 0);
  expect(rig.smsc.received).toHaveLength(1);
});
