// The SMPP door over TLS, and receipts that nobody fetches.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { bindBody, Esme, firstText, id } from '../peers/esme.ts';
import { newAuthority } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const TESTER = { systemId: 'tester', password: 'foobar' };
const authority = newAuthority();
let dir: string;
let port: number;
let rig: Rig;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-smpp-'));
  port = await freePort();
  const { cert, key } = authority.issue('127.0.0.1');
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key);
  const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  rig = await startRig({
    services: [ledger, notifier, router, egressSmpp, ingressHttp, ingressSmpp],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smpp: { port, tls } },
      callbacks: { giveUpAfter: '1s', retries: ['200ms'] },
    }),
  });
});
afterAll(async () => {
  await rig?.stop();
  rmSync(dir, { recursive: true });
});

test('a session over TLS, and a client that vanishes from it', async () => {
  const esme = await Esme.connect(port, authority.ca);
  expect(await esme.bind('bind_transmitter', TESTER)).toMatchObject({ status: 0 });
  expect(await esme.answerTo(esme.submit({ dest: { addr: '447700901111' } }))).toMatchObject({ status: 0 });
  for (let i = 0; i < 20; i++) esme.submit({ dest: { addr: '447700901112' } });
  esme.socket.end();
  await until('all of them', () => rig.smsc.received.filter(({ dest }) => dest.addr === '447700901112').length === 20);
  esme.close();
});

test('plain octets end the line', async () => {
  const esme = await Esme.connect(port);
  esme.send(id.bind_transmitter, bindBody(TESTER));
  await esme.ended();
  expect(esme.received).toEqual([]);
});

test('a receipt that no session fetches in time is put aside, and its message says so', async () => {
  const esme = await Esme.connect(port, authority.ca);
  await esme.bind('bind_transmitter', TESTER);
  const told = firstText(await esme.answerTo(esme.submit({ registered: 1 })));
  const { state, untold } = await until('it is put aside', async () => {
    const message = await rig.message(told);
    return message?.untold && message.callbacksWaiting === 0 ? message : undefined;
  });
  expect({ state, untold }).toEqual({ state: 'delivered', untold: 'no SMPP session of the client took it in time' });
  esme.close();
});
