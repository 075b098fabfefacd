// The parsers that read what strangers write, each with what it may throw.
import type { PDU } from 'smpp';
import { ConfigError, parseConfig } from '#shared/config/load.ts';
import { MOST_PDU_OCTETS, readPdu } from '#shared/smpp/library.ts';
import { parseRecipients } from '#shared/sms/number.ts';
import { parseReceipt } from '#shared/sms/receipt.ts';
import { readUdh } from '#shared/sms/udh.ts';
import { readPdu as readModemPdu, statusOf } from '../../services/egress-modem/pdu/received.ts';
import { incomingOf } from '../../services/egress-smpp/incoming.ts';
import { receiptOf } from '../../services/egress-smpp/receipts.ts';
import { type Incoming, readParameters } from '../../services/ingress-http/kannel/parameters.ts';
import { readSendsms } from '../../services/ingress-http/kannel/sendsms.ts';
import { Frames } from '../../services/ingress-smpp/frames.ts';
import { readSubmit } from '../../services/ingress-smpp/submit.ts';
import { Unreadable } from '../../services/ingress-smtp/mail.ts';
import { faultOf } from '../../services/ingress-smtp/octets.ts';
import { readMail } from '../../services/ingress-smtp/read-mail.ts';
import { judge } from '../../services/ingress-smtp/rules.ts';
import { GUIDE_RULE, SMS_ADDRESS, SPONSOR } from '../rig/guide.ts';
import type { Target } from './fuzz.ts';

const NOW = 1_795_303_200_000;
const settings = {
  clients: { tester: { password: 'x', sender: '12345', country: 'GB' }, ise: { password: 'x', sender: '12345' } },
  mail: { rules: [GUIDE_RULE] },
};
const config = parseConfig(JSON.stringify(settings), 'fuzz.yaml', {});
const rule = config.mail.rules[0]!;
const verified = { name: 'tester', client: config.clients.tester! };
const nothing = () => false;
const latin1 = (input: Buffer) => input.toString('latin1');

/** Octets of a client's line, cut into pieces as a network would, then each PDU as far as the door reads it. */
function line(input: Buffer): unknown {
  const frames = new Frames(MOST_PDU_OCTETS);
  const size = 1 + ((input[0] ?? 0) % 37);
  for (let at = 0; at < input.length; at += size) frames.push(input.subarray(at, at + size));
  const read: unknown[] = [];
  for (let frame = frames.shift(); frame; frame = frames.shift()) {
    const pdu = readPdu(frame);
    if (typeof pdu === 'number') read.push(pdu);
    else if (pdu.command === 'submit_sm' || pdu.command === 'submit_multi')
      read.push(readSubmit(pdu, verified.client, '192.0.2.1', NOW));
    else if (pdu.command === 'deliver_sm')
      read.push(receiptOf(pdu, 'p', NOW) ?? incomingOf(pdu, 'p', NOW) ?? 'neither');
    else read.push(pdu.command);
  }
  return read;
}

/** A deliver_sm of a provider with this body, as its link reads it. */
function delivered(input: Buffer): unknown {
  const frame = Buffer.alloc(16 + input.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(5, 4);
  input.copy(frame, 16);
  const pdu: PDU | number = readPdu(frame);
  return typeof pdu === 'number' ? pdu : (receiptOf(pdu, 'p', NOW) ?? incomingOf(pdu, 'p', NOW) ?? 'neither');
}

/** A head of lines up to an empty one, then a body: enough of HTTP for what stands behind Node's own parser. */
function sendsms(input: Buffer): unknown {
  const text = latin1(input);
  const split = text.indexOf('\n\n');
  const [url = '', ...lines] = (split === -1 ? text : text.slice(0, split)).split('\n');
  const body = split === -1 ? undefined : Buffer.from(text.slice(split + 2), 'latin1');
  const headers = Object.fromEntries(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
  );
  const incoming: Incoming = { method: body ? 'POST' : 'GET', url, headers, body };
  const query = readParameters(incoming);
  return 'status' in query ? query : readSendsms(query, verified, '192.0.2.1', NOW);
}

export const TARGETS: Target[] = [
  {
    name: 'smpp',
    read: line,
    declares: nothing,
    words: [
      '\0\0\0\x10',
      '\0\0\0\x04',
      '\0\0\0\x05',
      '\0\0\0\x21',
      '\0\0\xff\xff',
      '\x04\x24\0\x08',
      '\x02\x0c\0\x02\0\x01',
      '\0\x1e',
    ],
    most: 4_096,
  },
  {
    name: 'deliver-sm',
    read: delivered,
    declares: nothing,
    words: [
      'id:',
      ' stat:DELIVRD',
      ' err:000',
      ' text:',
      '\0\x1e\0\x02',
      '\x04\x27\0\x01\x02',
      '\x04\x23\0\x03',
      '\x05\0\x03\x01\x02\x01',
    ],
    most: 1_024,
  },
  {
    name: 'receipt',
    read: (input) => parseReceipt(latin1(input), {}),
    declares: nothing,
    words: [
      'id:',
      'sub:001',
      'dlvrd:',
      'submit date:',
      'done date:',
      '2611212126',
      'stat:',
      'DELIVRD',
      'UNDELIV',
      'err:',
      'text:',
      'Text:',
      '\0',
    ],
    most: 4_096,
  },
  {
    name: 'mail',
    async read(input) {
      const fault = faultOf(input);
      return fault ?? (await readMail(input));
    },
    declares: (error) => error instanceof Unreadable,
    words: [
      '\r\n',
      '\r\n\r\n',
      '--edge',
      '=?utf-8?q?',
      '?=',
      'Content-Type: ',
      'multipart/mixed; boundary=',
      'text/html',
      'charset=',
      'Content-Transfer-Encoding: base64',
      '=0D=0A',
      '<p>',
      '<table><tr><td>',
      '&#x110000;',
    ],
    most: 4_096,
  },
  {
    name: 'rules',
    read: (input) => {
      const content = { subject: 'Guest Text Notification', text: input.toString('utf8') };
      const { rule: _rule, ...verdict } = judge(
        rule,
        { from: SPONSOR, recipients: [SMS_ADDRESS] },
        content,
        () => 'GB',
      );
      return verdict;
    },
    declares: nothing,
    words: ['to:', 'text:', '4850', '\n', '+', '(0)', '\u00a0'],
    most: 2_048,
  },
  {
    name: 'number',
    read: (input) => {
      const [country = '', ...rest] = input.toString('utf8').split('\n');
      const defaultCountry = ['GB', 'DE', 'IT', 'US'].find((one) => one === country);
      return parseRecipients(rest.join('\n'), defaultCountry ? { defaultCountry } : {});
    },
    declares: nothing,
    words: ['+', '00', '(0)', ' ', '44', '0', '1', ' +', '-', '/', '٠', '０', ';ext=', 'tel:', ',', '\n'],
    most: 2_048,
  },
  {
    name: 'config',
    read: (input) => Object.keys(parseConfig(input.toString('utf8'), 'fuzz.yaml', { NAME: 'value' })),
    declares: (error) => error instanceof ConfigError && /^fuzz\.yaml:\d+: /.test(error.message),
    words: [
      '\n  ',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '<<: *a',
      '!!binary ',
      '? ',
      '|\n',
      '"',
      "'",
      `$\{NAME}`,
      `$\{file:x}`,
      '120s',
      '100/s',
      '__proto__',
      '---\n',
      'providers:',
      'smpp',
      'routes:',
    ],
    most: 2_048,
  },
  {
    name: 'kannel',
    read: sendsms,
    declares: nothing,
    words: [
      '&to=',
      '&text=',
      '&udh=%05',
      '&coding=',
      '&charset=',
      '&mclass=',
      '&dlr-url=',
      '&dlr-mask=',
      '&meta-data=%3Fsmpp%3F',
      '&x-tag=',
      '%00',
      '%',
      '+',
      '\n\n',
      'content-type:text/xml',
      'X-Kannel-To:',
      '<message><submit>',
      '<!DOCTYPE a [<!ENTITY b "c">]>',
      '&#x0;',
      '<da><number>',
      '<ud>',
    ],
    most: 4_096,
  },
  {
    name: 'modem',
    read: (input) => {
      const read = readModemPdu(latin1(input));
      return read.kind === 'status-report' ? { ...read, ...statusOf(read.status) } : read;
    },
    declares: (error) => error instanceof RangeError && /^[^\n]{1,100}$/.test(error.message),
    words: ['00', '04', '44', '06', '0791947106004034', '0B91', 'D0', 'A0', 'FF', '050003', '060804', '8C', '08', 'F6'],
    most: 600,
  },
  {
    name: 'udh',
    read: (input) => {
      const read = readUdh(input);
      if (read && read.udh.length + read.rest.length !== input.length) throw new Error('octets were lost');
      return read?.concat;
    },
    declares: nothing,
    words: ['\x05\0\x03', '\x06\x08\x04', '\0\x03\x01\x02\x01', '\x70\0', '\x24\x01'],
    most: 300,
  },
];
