// privacyIDEA's options as rows: requests and verdicts as privacyIDEA makes them, and what is said where they differ.
import { expect, test } from 'vitest';
import { importOf, ref } from './rig.ts';

const gateway = (options: object, more: object = {}) =>
  importOf(
    'privacyidea',
    JSON.stringify({
      gw: { providermodule: 'privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider', options, ...more },
    }),
  );
const URL = { URL: 'https://sms.example.com/' };

test.each([
  ['anything but POST is GET', { HTTP_METHOD: 'post', to: '{phone}' }, { method: 'GET', query: { to: '{phone}' } }],
  [
    'JSON, with values as they parse',
    { HTTP_METHOD: 'POST', SEND_DATA_AS_JSON: 'yes', to: '["{phone}"]', n: '7' },
    { json: { to: ['{phone}'], n: 7 } },
  ],
  ['quotes around a value vanish', { from: '"Acme"', x: 'null' }, { query: { from: 'Acme', x: null } }],
  ['a certificate is checked unless told', { CHECK_SSL: 'no' }, { tls: { verify: false } }],
  [
    'success comes before failure',
    { RETURN_SUCCESS: 'a', RETURN_FAIL: 'b' },
    { answer: { status: [200, 201, 202], success: { contains: 'a' } } },
  ],
  ['failure alone', { RETURN_FAIL: 'b' }, { answer: { status: [200, 201, 202], failure: { contains: 'b' } } }],
  ['REGEXP', { REGEXP: '/^\\+/00/' }, { number: { replace: '/^\\+/00/' } }],
  ['the proxy of its scheme', { HTTP_PROXY: 'http://a:1', HTTPS_PROXY: 'http://b:2' }, { proxy: 'http://b:2' }],
  ['time', { TIMEOUT: '3' }, { timeout: '3s' }],
])('%s', (_name, options, expected) => {
  expect(gateway({ ...URL, ...options }).rows.providers.gw).toMatchObject(expected);
});

test('headers are secrets, REGEXP of another form is left out, and the only gateway is the default', () => {
  const { rows, env, said } = gateway(
    { ...URL, REGEXP: 'nothing' },
    { headers: { Authorization: 'Bearer header-secret', Accept: 'text/plain' } },
  );
  expect(rows.providers.gw).toMatchObject({
    headers: { Authorization: ref('GW_AUTHORIZATION'), Accept: 'text/plain' },
    default: true,
  });
  expect(env.GW_AUTHORIZATION).toBe('Bearer header-secret');
  expect(said.join('\n')).toMatch(/left out: REGEXP: it has not the form/);
});

test('a censored export says where to write the secret', () => {
  const { env, said } = gateway({ ...URL, USERNAME: 'me', PASSWORD: '__CENSORED__' });
  expect(env.GW_PASSWORD).toBe('__CENSORED__');
  expect(said.join('\n')).toMatch(/warning: PASSWORD: the source hides it/);
});

test('a gateway over a mail server that no file has is left out', () => {
  const smtp = {
    providermodule: 'privacyidea.lib.smsprovider.SmtpSMSProvider.SmtpSMSProvider',
    options: { SMTPIDENTIFIER: 'mail', MAILTO: 'a@b.c' },
  };
  const http = { providermodule: 'privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider', options: URL };
  const { rows, said } = importOf('privacyidea', JSON.stringify({ smtp, http }));
  expect(Object.keys(rows.providers)).toEqual(['http']);
  expect(said.join('\n')).toMatch(/left out: SMTPIDENTIFIER: the server is in none of the files/);
});

test("Python's way to write it", () => {
  const text =
    "{'gw': {'providermodule': 'privacyidea.lib.smsprovider.SmppSMSProvider.SmppSMSProvider', 'options': {'SMSC_HOST': 'h', 'SMSC_PORT': '2775', 'S_ADDR_TON': '0x5'}, 'description': None}}";
  expect(importOf('privacyidea', text).rows.providers.gw).toMatchObject({
    bearer: 'smpp',
    source: { ton: 5, npi: 0 },
    bindAs: 'transmitter',
  });
});
