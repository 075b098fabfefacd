// Sipgate's XML-RPC API (SAMURAI), as privacyIDEA speaks it.
import { z } from 'zod';
import { basic } from './encode.ts';
import { done, preset, refused, statusVerdict } from './preset.ts';
import { xmlRpcAnswer, xmlRpcCall } from './xml-rpc.ts';

/** StatusCode in the answer's struct. */
const OK = '200';
/** Faults of SIP that speak about the number: not found, gone, address incomplete, not acceptable here. */
const MESSAGE = new Set(['404', '410', '484', '488']);

export const sipgate = preset({
  name: 'sipgate',
  source: [
    'privacyIDEA, SMS Gateway configuration, Sipgate provider',
    'https://metacpan.org/pod/SMS::Send::DE::Sipgate',
  ],
  url: 'https://samurai.sipgate.net',
  number: 'digits',
  account: z.strictObject({ username: z.string().min(1), password: z.string().min(1) }),
  secrets: ['password'],
  example: { username: 'acme@example.com', password: 'a-password-of-sipgate' },

  request(message, { username, password }, url) {
    const call = { RemoteUri: `sip:${message.to}@sipgate.de`, TOS: 'text', Content: message.text };
    return {
      method: 'POST',
      url: `${url}/RPC2`,
      headers: { 'content-type': 'text/xml', authorization: basic(username, password) },
      body: xmlRpcCall('samurai.SessionInitiate', [call]),
    };
  },

  /** privacyIDEA takes a fault in a 200 for a success; it is none. */
  answer(answer, message) {
    if (answer.status !== 200) return statusVerdict(answer);
    const said = xmlRpcAnswer(answer.body);
    if (!said) return refused('provider', 'the answer is no XML-RPC');
    const { StatusCode = OK, StatusString = '', faultCode = '', faultString = '', SessionID } = said.members;
    if (!said.fault && StatusCode === OK) return done(message, SessionID);
    const code = said.fault ? faultCode : StatusCode;
    const reason = `${code} ${said.fault ? faultString : StatusString}`.trim();
    if (/^5\d\d$/.test(code)) return { kind: 'retry', reason };
    return refused(MESSAGE.has(code) ? 'message' : 'provider', reason);
  },

  /** It reports nothing by itself. */
  states: {},
});
