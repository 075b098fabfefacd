// The HTTP door as Kannel's clients see it: statuses and bodies recorded from Kannel 1.4.5, and our differences.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
beforeAll(async () => {
  const hashed = await hashPassword('s3cret');
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, http: { ...(standard.listen.http as object), proxies: ['127.0.0.1'] } },
      clients: {
        ...standard.clients,
        hashed: { password: hashed, sender: '12345', maxSegments: 2, maxRecipients: 2 },
        nosender: { password: 'foobar' },
        elsewhere: { password: 'foobar', networks: ['10.0.0.0/8'] },
        here: { password: 'foobar', sender: '1', networks: ['127.0.0.0/8'] },
      },
    }),
  });
});
afterAll(() => rig.stop());

const USER = 'username=tester&password=foobar';
const ask = async (query: string, path = '/cgi-bin/sendsms') => {
  const answer = await fetch(`${rig.httpUrl}${path}?${query}`);
  return { status: answer.status, body: await answer.text(), headers: answer.headers };
};

test('a proxy of ours is believed about whom it speaks for', async () => {
  const from = async (client: string, address: string) => {
    const url = `${rig.httpUrl}/cgi-bin/sendsms?username=${client}&password=foobar&from=1&to=447700900001&text=x`;
    return (await fetch(url, { headers: { 'x-forwarded-for': address } })).status;
  };
  expect(await from('elsewhere', '10.1.2.3')).toBe(202);
  expect(await from('elsewhere', '192.0.2.1')).toBe(403);
  expect(await from('here', '10.1.2.3')).toBe(403);
  // What a caller wrote before the proxy wrote its address is not believed.
  expect(await from('elsewhere', '10.1.2.3, 192.0.2.1')).toBe(403);
});

describe('what Kannel answers', () => {
  test.each([
    ['success', `${USER}&to=447700900001&text=hello`, 202, '0: Accepted for delivery'],
    ['user= and pass=', 'user=tester&pass=foobar&to=447700900001&text=hello', 202, '0: Accepted for delivery'],
    [
      'wrong password',
      'username=tester&password=x&to=447700900001&text=hello',
      403,
      'Authorization failed for sendsms',
    ],
    [
      'unknown user',
      'username=nobody&password=foobar&to=447700900001&text=hello',
      403,
      'Authorization failed for sendsms',
    ],
    ['no username', 'to=447700900001&text=hello', 403, 'Authorization failed for sendsms'],
    [
      'a name that every object has',
      'username=__proto__&password=&to=447700900001&text=x',
      403,
      'Authorization failed for sendsms',
    ],
    [
      'address denied',
      'username=elsewhere&password=foobar&from=1&to=447700900001&text=x',
      403,
      'Authorization failed for sendsms',
    ],
    ['address allowed', 'username=here&password=foobar&to=447700900001&text=x', 202, '0: Accepted for delivery'],
    ['no to', `${USER}&text=hello`, 400, 'Missing receiver number, rejected'],
    ['empty to', `${USER}&to=&text=hello`, 400, 'Empty receiver number not allowed, rejected'],
    ['to=abc', `${USER}&to=abc&text=hello`, 400, 'Number(s) has/have been denied by white- and/or black-lists.'],
    [
      'no from, no default',
      'username=nosender&password=foobar&to=447700900001&text=hello',
      400,
      'Sender missing and no global set, rejected',
    ],
    ['coding=9', `${USER}&to=447700900001&text=hello&coding=9`, 400, 'Coding field misformed, rejected'],
    [
      'charset unknown',
      `${USER}&to=447700900001&text=h%E9&charset=KLINGON`,
      400,
      'Charset or body misformed, rejected',
    ],
    ['validity=-5', `${USER}&to=447700900001&text=hello&validity=-5`, 400, 'Validity field misformed, rejected'],
    ['validity=abc', `${USER}&to=447700900001&text=hello&validity=abc`, 202, '0: Accepted for delivery'],
    ['deferred=-5', `${USER}&to=447700900001&text=hello&deferred=-5`, 400, 'Deferred field misformed, rejected'],
    ['priority=9', `${USER}&to=447700900001&text=hello&priority=9`, 400, 'Priority field misformed, rejected'],
    ['dlr-mask=99', `${USER}&to=447700900001&text=hello&dlr-mask=99`, 400, 'DLR-Mask field misformed, rejected'],
    ['unknown parameter', `${USER}&to=447700900001&text=hello&x=y`, 202, '0: Accepted for delivery'],
  ])('%s', async (_case, query, status, body) => {
    expect(await ask(query)).toMatchObject({ status, body });
  });

  test.each(['/', '/sendsms', '/cgi-bin/other'])('%s is an unknown request', async (path) => {
    expect(await ask(USER, path)).toMatchObject({ status: 404, body: 'Unknown request.' });
  });
});

describe('what we answer on purpose', () => {
  afterAll(() => {
    expect(rig.smsc.received.filter(({ dest }) => dest.addr === '447700955501')).toEqual([]);
  });
  test.each([
    ['empty text', `${USER}&to=447700955501&text=`, 400, 'Empty text not allowed, rejected'],
    ['lone plus', `${USER}&to=%2B&text=x`, 400, 'Number(s) has/have been denied by white- and/or black-lists.'],
    [
      'one invalid among valid',
      `${USER}&to=447700955501+abc&text=x`,
      400,
      'Number(s) has/have been denied by white- and/or black-lists.',
    ],
    ['unknown smsc', `${USER}&to=447700955501&text=x&smsc=nowhere`, 403, 'Not routable. Do not try again.'],
    [
      'a text beyond the limit',
      `username=hashed&password=s3cret&to=447700955501&text=${'a'.repeat(400)}`,
      400,
      'the text needs 3 segments, 2 are allowed, rejected',
    ],
  ])('%s', async (_case, query, status, body) => {
    expect(await ask(query)).toMatchObject({ status, body });
  });
});

describe('texts', () => {
  let number = 0;
  const arrives = async (query: string) => {
    const to = `44770091${String(number++).padStart(4, '0')}`;
    expect(await ask(`${USER}&to=${to}&${query}`)).toMatchObject({ status: 202 });
    const pdu = await until('the PDU', () => rig.smsc.received.find(({ dest }) => dest.addr === to));
    return `${pdu.dataCoding} ${pdu.shortMessage.toString('hex')}`;
  };
  test.each([
    ['UTF-8 by default', 'text=%C3%A9%E2%82%AC', '0 051b65'],
    ['ISO-8859-1 when asked', 'text=%E9&charset=ISO-8859-1', '0 05'],
    ['coding=2 with a charset', 'text=%D0%9F%D1%80%D0%B8&coding=2&charset=UTF-8', '8 041f04400438'],
    ['coding=2 without one is UTF-16BE', 'text=%04%1F%04%40&coding=2', '8 041f0440'],
    ['outside GSM without coding: UCS-2, where Kannel writes ???', 'text=%D0%9F%D1%80%D0%B8', '8 041f04400438'],
    ['extension characters', 'text=%7B%7D%5B%5D', '0 1b281b291b3c1b3e'],
    ['plus is a blank', 'text=a+b%2Bc', '0 6120622b63'],
  ])('%s', async (_case, query, wanted) => {
    expect(await arrives(query)).toBe(wanted);
  });

  test('several recipients get one message each, with an id each', async () => {
    const answer = await ask(`${USER}&to=447700920001+447700920002&text=two`);
    expect(answer).toMatchObject({ status: 202, body: '0: Accepted for delivery' });
    expect(answer.headers.get('x-message-id')!.split(',')).toHaveLength(2);
    await until('both', () => rig.smsc.received.filter(({ dest }) => dest.addr.startsWith('44770092000')).length === 2);
  });
});

test('a hashed password is verified', async () => {
  const query = 'username=hashed&password=s3cret&to=447700900001&text=hello';
  expect(await ask(query)).toMatchObject({ status: 202 });
  for (let i = 0; i < 5; i++) expect(await ask(query)).toMatchObject({ status: 202 });
  expect(await ask(query.replace('s3cret', 'wrong'))).toMatchObject({ status: 403 });
});

describe('look-up', () => {
  const lookUp = (id: string, pair: string) =>
    fetch(`${rig.httpUrl}/v1/messages/${id}`, {
      headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    });

  test('a client sees its own message, with a masked number, and nobody else does', async () => {
    const id = (await ask(`${USER}&to=447700900555&text=secret+text&dlr-mask=3`)).headers.get('x-message-id')!;
    const found = await rig.final(id);
    expect(found).toMatchObject({
      id,
      client: 'tester',
      to: '4477..55',
      state: 'delivered',
      attempts: [{ outcome: 'submitted', receipt: 'delivered' }],
    });
    expect(JSON.stringify(found)).not.toContain('secret text');
    expect((await lookUp(id, 'here:foobar')).status).toBe(404);
    expect((await lookUp(id, 'tester:wrong')).status).toBe(401);
    expect((await lookUp('not-an-id', 'tester:foobar')).status).toBe(404);
  });

  test('no text stays in the database', async () => {
    const file = join(rig.dir, 'ledger.sqlite');
    for (const part of [file, `${file}-wal`]) expect(readFileSync(part).includes('secret text')).toBe(false);
  });
});
