// What LinOTP, privacyIDEA, Cisco ISE, VISULOX, wget and curl really send, octet for octet and with the connection behaviour
// of each, and the answer judged as that program judges it.
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireDebian } from '../peers/debian.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
beforeAll(async () => {
  requireDebian('curl', '/usr/bin/curl');
  requireDebian('wget', '/usr/bin/wget');
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      clients: { ...standard.clients, ise: { password: 'foobar', sender: '12345', country: 'US' } },
    }),
  });
}, 120_000);
afterAll(() => rig?.stop());

type Answer = { status: number; headers: string; body: string };

/** Writes as it is and reads one answer; the connection is then closed by us, as these programs do. */
function exchange(octets: string): Promise<Answer> {
  const { hostname, port } = new URL(rig.httpUrl);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(Buffer.from(octets.replaceAll('HOST', `${hostname}:${port}`), 'latin1')),
    );
    let data = '';
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after: ${data}`)));
    socket.on('data', (chunk) => {
      data += chunk.toString('latin1');
      const [headers = '', body] = data.split('\r\n\r\n', 2);
      const length = /content-length: (\d+)/i.exec(headers)?.[1];
      if (body === undefined || body.length < Number(length ?? 0)) return;
      socket.removeAllListeners('close');
      socket.destroy();
      resolve({ status: Number(headers.split(' ')[1]), headers, body });
    });
  });
}
const arrived = (number: string) =>
  until(`the SMS for ${number}`, () => rig.smsc.received.find(({ dest }) => dest.addr === number));
const text = async (number: string) => (await arrived(number)).shortMessage.toString('latin1');

const REQUESTS =
  'User-Agent: python-requests/2.31.0\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n';
const get = (query: string, headers = REQUESTS) =>
  `GET /cgi-bin/sendsms?${query} HTTP/1.1\r\nHost: HOST\r\n${headers}\r\n`;
const post = (query: string, type: string, body: string, headers = REQUESTS) =>
  `POST /cgi-bin/sendsms${query} HTTP/1.1\r\nHost: HOST\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n${type ? `Content-Type: ${type}\r\n` : ''}\r\n${body}`;
const FORM = 'application/x-www-form-urlencoded';

describe('LinOTP, HttpSMSProvider: the body begins with RETURN_SUCCESS, whatever the status', () => {
  const taken = ({ body }: Answer) => body.startsWith('0: Accepted for delivery');
  test('GET', async () => {
    expect(
      taken(await exchange(get('to=%2B447700900101&text=Your+OTP+is+123456&username=tester&password=foobar'))),
    ).toBe(true);
    expect(await text('447700900101')).toBe('Your OTP is 123456');
  });
  test('POST, its default', async () => {
    const body = 'to=%2B447700900102&text=Your+OTP+is+123456&username=tester&password=foobar';
    expect(taken(await exchange(post('', FORM, body)))).toBe(true);
    expect(await text('447700900102')).toBe('Your OTP is 123456');
  });
  test('Basic authentication, and names that are not in the form', async () => {
    const basic = `Authorization: Basic ${Buffer.from('tester:foobar').toString('base64')}\r\n`;
    expect(taken(await exchange(post('', FORM, 'to=447700900103&text=x', REQUESTS + basic)))).toBe(true);
  });
  test('by RETURN_SUCCESS_REGEX, searched; a refusal does not match', async () => {
    const refused = await exchange(get('to=%2B447700900104&text=x&username=tester&password=wrong'));
    expect(/^0: Accepted/.test(refused.body)).toBe(false);
    expect(taken(refused)).toBe(false);
  });
});

describe('privacyIDEA, HttpSMSProvider: 200, 201 or 202, and RETURN_SUCCESS in the body', () => {
  const taken = ({ status, body }: Answer) => [200, 201, 202].includes(status) && body.includes('Accepted');
  test('GET', async () => {
    expect(taken(await exchange(get('to=447700900111&text=123456&username=tester&password=foobar')))).toBe(true);
    expect(await text('447700900111')).toBe('123456');
  });
  test('POST', async () => {
    expect(
      taken(await exchange(post('', FORM, 'username=tester&password=foobar&to=447700900112&text=Ihr+Code%3A+%C3%BC1'))),
    ).toBe(true);
    expect(await text('447700900112')).toBe('Ihr Code: \x7e1');
  });
  test('a refusal', async () => {
    expect(taken(await exchange(get('to=abc&text=123456&username=tester&password=foobar')))).toBe(false);
  });
});

describe('Cisco ISE, Http2SMS: 2xx', () => {
  const JAVA =
    'User-Agent: Java/1.8.0_302\r\nAccept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\r\nConnection: keep-alive\r\n';
  const taken = ({ status }: Answer) => status >= 200 && status < 300;
  test('GET, the number as a sponsor typed it', async () => {
    expect(
      taken(await exchange(get('username=ise&password=foobar&to=(408)%20555-0123&text=Username:%20jsmith02', JAVA))),
    ).toBe(true);
    expect(await text('14085550123')).toBe('Username: jsmith02');
  });
  test.each([
    ['plain/text', '14085550131'],
    ['text/plain', '14085550132'],
    ['application/xml', '14085550133'],
    [FORM, '14085550134'],
    ['', '14085550135'],
  ])('POST of form data as "%s", beside a query', async (type, number) => {
    const answer = await exchange(
      post(
        '?username=ise&from=15556661212&x-version=1',
        type,
        `password=foobar&to=${number}&text=Password%3A+t6ub79_6r`,
        JAVA,
      ),
    );
    expect(taken(answer)).toBe(true);
    const sms = await arrived(number);
    expect(sms).toMatchObject({ source: { addr: '15556661212' } });
    expect(sms.shortMessage.toString('latin1')).toBe('Password: t6ub79\x116r');
  });
});

test('VISULOX, SMSviaKannel.tcl: HTTP/1.0-like, closes, looks for 202', async () => {
  const answer = await exchange(
    get(
      'username=tester&password=foobar&to=447700900121&from=VISULOX+RA+2FA+PIN&text=PIN%0A4711&dlr-mask=3&dlr-url=http%3A%2F%2F127.0.0.1%3A9%2FsmsKannelfeedback%3Fa%3D%25d',
      'User-Agent: Tcl http client package 2.9.5\r\nConnection: close\r\nAccept: */*\r\n',
    ),
  );
  expect(answer.status).toBe(202);
  const sms = await arrived('447700900121');
  expect(sms).toMatchObject({ source: { addr: 'VISULOX RA', ton: 5 } });
  expect(sms.shortMessage.toString('latin1')).toBe('PIN\n4711');
});

test('HTTP/1.0 without a Host', async () => {
  const answer = await exchange(
    'GET /cgi-bin/sendsms?username=tester&password=foobar&to=447700900122&text=old HTTP/1.0\r\n\r\n',
  );
  expect(answer).toMatchObject({ status: 202, body: '0: Accepted for delivery' });
});

describe('programs of Debian', () => {
  type Ran = { status: number; stdout: string };
  const run = (program: string, args: string[]) =>
    new Promise<Ran>((resolve) => {
      execFile(program, args, { timeout: 20_000 }, (error, stdout) =>
        resolve({ status: error ? Number(error.code ?? -1) : 0, stdout }),
      );
    });
  const path = () => `${rig.httpUrl}/cgi-bin/sendsms`;
  test('wget, GET and --post-data', async () => {
    const one = await run('wget', [
      '-q',
      '-O',
      '-',
      `${path()}?username=tester&password=foobar&to=447700900141&text=by wget`,
    ]);
    expect(one).toMatchObject({ status: 0, stdout: '0: Accepted for delivery' });
    const two = await run('wget', [
      '-q',
      '-O',
      '-',
      '--post-data',
      'username=tester&password=foobar&to=447700900142&text=x',
      path(),
    ]);
    expect(two).toMatchObject({ status: 0, stdout: '0: Accepted for delivery' });
    const no = await run('wget', ['-q', '-O', '-', `${path()}?username=tester&password=wrong&to=447700900141&text=x`]);
    expect(no.status).toBe(8);
    expect(await text('447700900141')).toBe('by wget');
  });
  test('curl: --data-urlencode, -u, --data-binary with X-Kannel headers, and a body that is announced first', async () => {
    const fail = ['-sS', '--fail'];
    const form = ['--data-urlencode', 'to=+447700900143', '--data-urlencode', 'text=a & b'];
    expect(await run('curl', [...fail, '-u', 'tester:foobar', ...form, path()])).toMatchObject({
      status: 0,
      stdout: '0: Accepted for delivery',
    });
    const headers = ['Username: tester', 'Password: foobar', 'To: 447700900144'].flatMap((one) => [
      '-H',
      `X-Kannel-${one}`,
    ]);
    const body = ['-H', 'Content-Type: text/plain', '-H', 'Expect: 100-continue', '--data-binary', 'in the body'];
    expect(await run('curl', [...fail, ...headers, ...body, path()])).toMatchObject({ status: 0 });
    expect((await run('curl', [...fail, '-u', 'tester:wrong', ...form, path()])).status).toBe(22);
    expect(await text('447700900143')).toBe('a & b');
    expect(await text('447700900144')).toBe('in the body');
  });
});

test('the answer tells segments and encoding', async () => {
  const long = await fetch(
    `${rig.httpUrl}/cgi-bin/sendsms?username=tester&password=foobar&to=447700900151&text=${'a'.repeat(161)}`,
  );
  expect([long.headers.get('x-message-segments'), long.headers.get('x-message-encoding')]).toEqual(['2', 'gsm7']);
  const cyrillic = await fetch(
    `${rig.httpUrl}/cgi-bin/sendsms?username=tester&password=foobar&to=447700900152&text=%D0%9F`,
  );
  expect([cyrillic.headers.get('x-message-segments'), cyrillic.headers.get('x-message-encoding')]).toEqual([
    '1',
    'ucs2',
  ]);
});
