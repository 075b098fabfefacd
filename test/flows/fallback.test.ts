// Fallback through the whole gateway: SMS first, a mail gateway when no receipt comes in time or the SMS fails, once, with a
// restart of everything in between; and one final state for the client.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { egressSmtp } from '../../services/egress-smtp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type MailServer, startMailServer } from '../peers/mail-server.ts';
import { runHermod } from '../rig/hermod.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const AFTER_MS = 10_000;
/** The SMSC sends no receipt, one that says failed, or refuses the submit. */
const [SILENT, FAILS, REFUSED] = ['447700900100', '447700900177', '447800900001'];
let rig: Rig;
let mails: MailServer;
let client: Receiver;

beforeAll(async () => {
  mails = await startMailServer();
  client = await startReceiver();
  rig = await startRig({
    services: [ledger, router, egressSmpp, egressSmtp, ingressHttp, notifier],
    smsc: {
      reject: [{ prefix: '447800', status: 0x0b }],
      receipts: {
        afterMs: 20,
        states: [
          { suffix: '00', state: 'none' },
          { suffix: '77', state: 'UNDELIV', error: '001' },
        ],
      },
    },
    settings: (standard) => ({
      ...standard,
      clients: { tester: { ...(standard.clients.tester as object), callbacks: { allow: ['127.0.0.1'] } } },
      providers: {
        ...standard.providers,
        mail: {
          bearer: 'smtp',
          host: '127.0.0.1',
          port: mails.port,
          security: 'none',
          from: 'otp@example.org',
          to: '{to}@example.net',
          number: { form: 'digits' },
        },
      },
      routes: [
        { when: { prefix: '4477009002' }, to: ['sandbox'] },
        { to: ['sandbox'], fallbackAfter: '10s', fallback: ['mail'] },
      ],
    }),
  });
}, 120_000);
afterAll(async () => {
  await rig?.stop();
  await mails?.stop();
  await client?.stop();
});

const sendTo = async (to: string, path: string) => {
  const url = `http://127.0.0.1:${client.port}${path}?d=%d`;
  const { ids } = await rig.send({ to, text: `code for ${path}`, 'dlr-mask': '31', 'dlr-url': url });
  return ids[0]!;
};
const mailsTo = (number: string) => mails.kept.filter(({ to }) => to[0] === `${number}@example.net`);
const told = (path: string) => client.seen.filter(({ url }) => url.startsWith(path)).map(({ url }) => url.at(-1)!);

test('no receipt in time, a failure, a refusal, a delivery, a validity that is over, and no fallback on the route', async () => {
  const sentAt = performance.now();
  const silent = await sendTo(SILENT, '/silent');
  const others = {
    fails: await sendTo(FAILS, '/fails'),
    refused: await sendTo(REFUSED, '/refused'),
    delivered: await sendTo('447700900101', '/delivered'),
    plain: await sendTo('447700900277', '/plain'),
  };
  const short = await fetch(`${rig.httpUrl}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('tester:foobar')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: '+447700900300', text: 'short-lived', validity: '5s' }),
  });
  expect(short.status).toBe(202);

  for (const number of [FAILS, REFUSED]) await until(`a mail for ${number}`, () => mailsTo(number)[0]);
  for (const id of [others.fails, others.refused])
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'mail' });
  expect(await rig.final(others.delivered)).toMatchObject({ state: 'delivered', provider: 'sandbox' });
  expect(await rig.final(others.plain)).toMatchObject({ state: 'failed', provider: 'sandbox' });
  await rig.stopServices();
  await rig.startServices();

  await until('a mail for the silent one', () => mailsTo(SILENT)[0], 40_000);
  const seconds = (performance.now() - sentAt) / 1_000;
  console.info(`by the other bearer ${seconds.toFixed(1)} s after the SMS, with fallbackAfter 10 s`);
  expect(seconds).toBeGreaterThanOrEqual(AFTER_MS / 1_000);
  expect(mails.kept.at(-1)!.to).toEqual([`${SILENT}@example.net`]);
  expect(mailsTo(SILENT)[0]!.mail.text?.trim()).toBe('code for /silent');
  expect(await rig.final(silent)).toMatchObject({ state: 'sent', provider: 'mail' });

  // A late receipt of the SMS is stored, and changes nothing.
  rig.smsc.set({ receipts: { states: [] } });
  rig.smsc.sendReceiptAgain(rig.smsc.received.find(({ dest }) => dest.addr === SILENT)!.messageId);
  const attempts = await until('the receipt is stored', async () => {
    const message = await rig.message(silent);
    const list = message!.attempts as { provider: string; receipt: string | null }[];
    return list.some(({ receipt }) => receipt === 'delivered') && list;
  });
  expect(attempts.map(({ provider }) => provider)).toEqual(['sandbox', 'mail']);
  expect(await rig.message(silent)).toMatchObject({ state: 'sent', final: true });

  await rig.stopServices();
  await rig.startServices();
  const last = await sendTo('447700900102', '/last');
  expect(await rig.final(last)).toMatchObject({ state: 'delivered' });
  expect(mails.kept.map(({ to }) => to[0]!.split('@')[0]).toSorted()).toEqual([SILENT, FAILS, REFUSED].toSorted());
  expect([told('/silent'), told('/fails'), told('/refused')]).toEqual([['8'], ['8'], ['8']]);
}, 120_000);

test('hermod route says by whom it would go out once more, and when', async () => {
  const env = { HERMOD_CONFIG: rig.configFile };
  const { code, out } = await runHermod(['route', '--to', `+${SILENT}`], env);
  expect(code).toBe(0);
  expect(out).toMatch(/^takes it {2}sandbox: .*\nfallback {2}by mail \(smtp\), after 10 s without a receipt/m);
  const { json } = await runHermod(['route', '--to', '+447700900277', '--json'], env);
  expect(json<Record<string, unknown>>()).not.toHaveProperty('fallback');
});
