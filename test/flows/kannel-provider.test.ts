// Debian's Kannel as a provider behind the gateway: the preset's request at a real smsbox, its report back at ingress-dlr.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { egressHttp } from '../../services/egress-http/main.ts';
import { ingressDlr } from '../../services/ingress-dlr/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { readText } from '../../services/sandbox/text.ts';
import { type Kannel, startKannel } from '../peers/kannel.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let smsc: Smsc;
let kannel: Kannel;
let rig: Rig;

beforeAll(async () => {
  smsc = await startSmsc({ receipts: { afterMs: 50, states: [{ suffix: '77', state: 'UNDELIV', error: '001' }] } });
  kannel = await startKannel(smsc.port, { name: 'kannel', password: 'secret' }, { smpp: 'transceiver-mode = true' });
  const port = await freePort();
  rig = await startRig({
    services: [ledger, router, egressHttp, ingressHttp, ingressDlr],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, dlr: { port, url: `http://127.0.0.1:${port}` } },
      providers: {
        kannel: {
          ...{ bearer: 'http', preset: 'kannel', url: kannel.url, account: { username: 'test', password: 'test' } },
          dlr: { token: 'a-token-0123456789', networks: ['127.0.0.1'] },
        },
        wrong: { bearer: 'http', preset: 'kannel', url: kannel.url, account: { username: 'test', password: 'wrong' } },
      },
      routes: [{ when: { prefix: '4479' }, to: ['wrong'] }, { to: ['kannel'] }],
    }),
  });
}, 180_000);
afterAll(async () => {
  await rig?.stop();
  await kannel?.stop();
  await smsc?.stop();
});

test.each([
  ['delivered', '+447700900123', 'Hello & <Hermod> äöü € {}', 'delivered'],
  ['not delivered', '+447700900177', 'Hello', 'failed'],
  ['Unicode', '+447700900124', 'Привет', 'delivered'],
  ['long', '+447700900125', 'x'.repeat(400), 'delivered'],
])('%s', async (_what, to, text, state) => {
  const { ids } = await rig.send({ to, text, 'dlr-mask': '3' });
  expect(await rig.final(ids[0]!, 15_000)).toMatchObject({ state, provider: 'kannel' });
  const arrived = smsc.received.filter(({ dest }) => dest.addr === to.slice(1));
  expect(arrived.map(readText).join('')).toBe(text);
});

test('a wrong password is refused by smsbox, and said', async () => {
  const { ids } = await rig.send({ to: '+447900900123', text: 'x' });
  expect(await rig.final(ids[0]!)).toMatchObject({
    state: 'rejected',
    reason: expect.stringContaining('HTTP 403: Authorization failed for sendsms'),
  });
  await until('nothing of it went out', () => smsc.received.every(({ dest }) => dest.addr !== '447900900123'));
});
