// LinOTP beyond what its documentation prints: definitions, the ini form, policies, defaults and the time of a password.
import { describe, expect, test } from 'vitest';
import { CLIENT_PASSWORD, importOf, ref } from './rig.ts';

const HTTP = { URL: 'http://sms.example.com/send', HTTP_Method: 'GET', RETURN_SUCCESS: 'ok' };
const definition = (more: object = {}, config: object = HTTP) => ({
  Class: 'smsprovider.HttpSMSProvider.HttpSMSProvider',
  Config: JSON.stringify(config),
  ...more,
});
const linotp = (value: unknown, more?: { otp?: boolean }) =>
  importOf('linotp', JSON.stringify(value, undefined, 1), more);

describe('definitions', () => {
  test.each(['HttpSMSProvider', 'linotp.provider.smsprovider.HttpSMSProvider', 'smsprovider.HttpSMSProvider'])(
    'class %s',
    (name) => {
      expect(linotp({ a: definition({ Class: name }) }).rows.providers.a).toMatchObject({
        bearer: 'http',
        method: 'GET',
      });
    },
  );

  test("as LinOTP's API shows them", () => {
    const { rows } = linotp({
      version: '3',
      result: { status: true, value: { a: definition(), b: definition({ Default: true }) } },
    });
    expect(Object.keys(rows.providers)).toEqual(['a', 'b']);
    expect(rows.providers.b!.default).toBe(true);
    expect(rows.providers.a!.default).toBeUndefined();
  });

  test('Timeout is the time for the answer; a message is valid for 120 s only when told', () => {
    const source = { a: definition({ Timeout: 120 }) };
    const { rows, said } = linotp(source);
    expect(rows.providers.a!.timeout).toBe('120s');
    expect(rows.clients.linotp).toEqual({ password: expect.stringMatching(/^\$\{\w+\}$/) });
    expect(said.join('\n')).toContain('--otp');
    expect(linotp(source, { otp: true }).rows.clients.linotp).toMatchObject({ kind: 'otp', validity: '120s' });
    expect(linotp(source).env.LINOTP_CLIENT_PASSWORD).toBe(CLIENT_PASSWORD);
  });

  test('imported_default is the default under a name that the configuration allows', () => {
    const { rows, said } = linotp({ other: definition(), imported_default: definition() });
    expect(rows.providers['imported-default']).toMatchObject({ default: true });
    expect(said.join('\n')).toMatch(/changed: the provider is called imported-default here/);
  });

  test('without a mark and a name nobody is, which is said', () => {
    expect(linotp({ a: definition(), b: definition() }).said.join('\n')).toMatch(/warning: no provider is the default/);
  });

  test('an address with a login, a secret in its query, and any answer as a success', () => {
    const { rows, env } = linotp({
      a: definition({}, { URL: 'https://me:s%20cret@sms.example.com/send?token=abcdef' }),
    });
    expect(rows.providers.a).toMatchObject({
      url: ref('A_URL'),
      method: 'POST',
      form: { phone: '{to}', sms: '{text}' },
      answer: { status: ['2xx'] },
    });
    expect(env).toMatchObject({ A_URL: 'https://sms.example.com/send?token=abcdef', A_PASSWORD: 's cret' });
  });

  test('of several rules the first decides, and the others say so', () => {
    const { rows, said } = linotp({ a: definition({}, { ...HTTP, RETURN_FAIL_REGEX: '^E\\d' }) });
    expect(rows.providers.a!.answer).toEqual({ status: 'any', failure: { regex: '(?-m)^E\\d' } });
    expect(said.join('\n')).toContain('left out: RETURN_SUCCESS: ');
  });

  test('SMPP as LinOTP speaks it', () => {
    const config = {
      server: 'smsc.example.com',
      system_id: 'me',
      password: 'pw',
      source_addr: 'Acme',
      source_addr_ton: '5',
      source_addr_npi: '0',
    };
    expect(linotp({ a: definition({ Class: 'SMPPSMSProvider' }, config) }).rows.providers.a).toMatchObject({
      bearer: 'smpp',
      port: 5_100,
      encoding: 'latin1',
      senders: { '*': 'Acme' },
      destination: { ton: 1, npi: 1, plus: true },
      storeAndForward: false,
    });
  });

  test('a list without a tag would never have got the number', () => {
    const config = {
      URL: 'https://sms.example.com/',
      PAYLOAD: { to: [], a: { b: [''] } },
      SMS_TEXT_KEY: 'a.b[0]',
      SMS_PHONENUMBER_KEY: 'to',
    };
    const { rows, said } = linotp({ a: definition({ Class: 'RestSMSProvider' }, config) });
    expect(rows.providers.a!.json).toEqual({ to: ['{to}'], a: { b: ['{text}'] } });
    expect(said.join('\n')).toContain('changed: SMS_PHONENUMBER_KEY: the list has no tag');
  });

  test('secrets deep inside the JSON are put aside too', () => {
    const PAYLOAD = { auth: { user: 'me', tokens: ['deep-secret'] }, to: ['<phone>'], text: '<message>' };
    const config = { URL: 'https://sms.example.com/', PAYLOAD, SMS_TEXT_KEY: 'text', SMS_PHONENUMBER_KEY: 'to' };
    const { rows, yaml, env } = linotp({ a: definition({ Class: 'RestSMSProvider' }, config) });
    expect(rows.providers.a!.json).toMatchObject({ auth: { user: 'me', tokens: [ref('A_TOKENS')] } });
    expect(yaml).not.toContain('deep-secret');
    expect(env.A_TOKENS).toBe('deep-secret');
  });

  test('a path into a list is a number', () => {
    const config = { URL: 'https://x.example/', PAYLOAD: { a: [] }, SMS_TEXT_KEY: 'a.b', SMS_PHONENUMBER_KEY: 'to' };
    const fault = /^file1:\d+: SMS_TEXT_KEY: the path names a list by a word$/;
    expect(() => linotp({ a: definition({ Class: 'RestSMSProvider' }, config) })).toThrow(fault);
  });

  test('a class without a counterpart is left out', () => {
    const { rows, said } = linotp({ a: definition(), b: definition({ Class: 'FileSMSProvider' }, { file: 'x' }) });
    expect(Object.keys(rows.providers)).toEqual(['a']);
    expect(said.join('\n')).toContain('left out: file: ');
  });
});

const INI = `[sms:main]
class = smsprovider.HttpSMSProvider.HttpSMSProvider
config = {
  "URL": "http://sms.example.com/send",
  "PARAMETER": { "password": "ini-secret", },
  "RETURN_SUCCESS": "ok"
}
timeout = 7
default = True

[guests]
scope = authentication
action = "sms_provider=main"
realm = guests
user = *
client = 10.0.0.0/8, 192.168.1.1
`;

test('the ini form, with the lines of the file', () => {
  const { rows, env, said } = importOf('linotp', INI);
  expect(rows.providers.main).toMatchObject({ timeout: '7s', default: true, form: { password: ref('MAIN_PASSWORD') } });
  expect(env.MAIN_PASSWORD).toBe('ini-secret');
  expect(rows.routes).toEqual([{ when: { realm: ['guests'], address: ['10.0.0.0/8', '192.168.1.1'] }, to: ['main'] }]);
  expect(said).toContain('file1:5: warning: a comma before the closing bracket: taken');
});

describe('policies', () => {
  const providers = JSON.stringify({ A: definition(), B: definition({ Default: true }) });
  const routes = (policy: object) => {
    const { rows, said } = importOf('linotp', [
      providers,
      JSON.stringify({ p: { scope: 'authentication', active: 'True', ...policy } }),
    ]);
    return { routes: rows.routes ?? [], said: said.join('\n') };
  };
  test.each([
    [{ action: 'sms_provider=A,B' }, [{ to: ['a', 'b'] }]],
    [{ action: 'smstext=hello, sms_provider=B, autosms', user: '*', realm: '*', client: '0.0.0.0/0' }, [{ to: ['b'] }]],
    [
      { action: 'sms_provider=A', user: 'hans, ldap:', realm: 'one,two' },
      [{ when: { user: ['hans'], realm: ['one', 'two'] }, to: ['a'] }],
    ],
    [{ action: 'sms_provider=A', user: 'ldap:' }, []],
    [{ action: 'sms_provider=A', client: '10.0.0.0/8, !10.1.0.0/16' }, []],
    [{ action: 'sms_provider=A', active: 'False' }, []],
    [{ action: 'sms_provider=nobody' }, []],
    [{ action: 'otppin=1' }, []],
  ])('%j', (policy, expected) => expect(routes(policy).routes).toEqual(expected));

  test('names of resolvers are told', () => {
    expect(routes({ action: 'sms_provider=A', user: 'hans, ldap:' }).said).toMatch(
      /left out: policy p: user names resolvers \(ldap:\)/,
    );
  });
});
