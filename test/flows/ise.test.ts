// The request line that Cisco's guide for ISE and Kannel prints, to the PDU that it prints.
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GUIDE_PDU, GUIDE_SHORT_MESSAGE } from '../rig/guide.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

test('the wget line of the guide arrives as the printed PDU', async () => {
  const path =
    '/cgi-bin/sendsms?username=tester&password=foobar&to=48501234567&text=ISE%20Guest%20portal%20Username:%20%20jsmith02%20Password:%20%20t6ub79_6r';
  const answer = await get(`${rig.httpUrl}${path}`);
  expect(answer).toMatchObject({ status: 202, body: '0: Accepted for delivery', type: 'text/html' });
  const pdu = await until('the PDU is at the SMSC', () => rig.smsc.received[0]);
  expect(pdu).toMatchObject(GUIDE_PDU);
  expect(pdu.shortMessage).toHaveLength(57);
  expect(pdu.shortMessage.toString('hex')).toBe(GUIDE_SHORT_MESSAGE);
  expect(await rig.final(answer.id)).toMatchObject({ state: 'sent', provider: 'sandbox' });
});

/** As wget sends it: one request, the path untouched. */
function get(url: string): Promise<{ status: number; body: string; type: string; id: string }> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => {
        body += chunk;
      });
      answer.on('end', () => {
        const { 'content-type': type = '', 'x-message-id': id } = answer.headers;
        resolve({ status: answer.statusCode!, body, type, id: String(id) });
      });
    })
      .on('error', reject)
      .end();
  });
}
