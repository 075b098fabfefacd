// kannel.conf beyond the printed one: binds, modems of every type, users and their networks, and lines that mean nothing.
import { describe, expect, test } from 'vitest';
import { importOf, ref } from './rig.ts';

const USER = 'group = sendsms-user\nusername = u\npassword = p\n';
const smsc = (lines: string) => importOf('kannel', `group = smsc\nsmsc = smpp\nsmsc-id = a\nhost = h\n${lines}\n`);
const user = (lines: string, before = '') => importOf('kannel', `${before}\n${USER}${lines}\n`);

test.each([
  ['port = 1', { port: 1, bindAs: 'transmitter' }],
  ['port = 1\ntransceiver-mode = yes', { port: 1, bindAs: 'transceiver' }],
  ['port = 1\nreceive-port = 2', { port: 1, bindAs: 'transmitter+receiver', receiver: { port: 2 } }],
  ['port = 1\nuse-ssl = true\nssl-client-certkey-file = "/x.pem"', { tls: { cert: '/x.pem', key: '/x.pem' } }],
  [
    'port = 1\nthroughput = 10\nmax-pending-submits = 50\nenquire-link-interval = 20',
    { rate: '10/s', window: 50, enquireLink: '20s' },
  ],
  ['port = 1\nsource-addr-ton = 5\nsource-addr-npi = 0', { source: { ton: 5, npi: 0 } }],
  ['port = 1\nmsg-id-type = 1', { receiptIds: 'decimal' }],
  [
    'port = 1\nallowed-prefix = "+49;0043"\ndenied-prefix = 4915',
    { allow: { prefixes: ['49', '43'] }, deny: { prefixes: ['4915'] } },
  ],
])('SMPP: %j', (lines, expected) => expect(smsc(lines).rows.providers.a).toMatchObject(expected));

describe('modems', () => {
  const modem = (lines: string) => importOf('kannel', `group = smsc\nsmsc = at\n${lines}\n`);
  test.each(['auto', 'wavecom', 'siemens', 'siemens-tc35', 'falcom', 'nokiaphone', 'ericsson'])(
    'modemtype %s is known',
    (type) => {
      expect(modem(`device = /dev/ttyUSB0\nmodemtype = ${type}`).rows.providers.modem!.modemType).toBe(type);
    },
  );
  test('another one is asked', () => {
    const { rows, said } = modem(
      'device = /dev/ttyUSB0\nmodemtype = huawei\npin = 1234\nspeed = 9600\nsms-center = 491710760000\nsim-buffering = true',
    );
    expect(rows.providers.modem).toMatchObject({
      modemType: 'auto',
      pin: ref('AT_PIN'),
      speed: 9600,
      smsc: '+491710760000',
    });
    expect(said.join('\n')).toMatch(/changed: modemtype: .*auto asks the device/);
    expect(said.join('\n')).toMatch(/left out: sim-buffering/);
  });
  test('one over the network has no row, and a group modems says why not', () => {
    const { rows, said } = importOf(
      'kannel',
      `group = smsc\nsmsc = at\ndevice = rawtcp\nhost = x\n\ngroup = modems\nid = huawei\ninit-string = "AT"\n\n${USER}`,
    );
    expect(rows.providers).toBeUndefined();
    expect(said.join('\n')).toMatch(
      /left out: device: a modem over the network has no row[\s\S]*left out: id: modem types are built in/,
    );
  });
});

test.each([
  [
    'user-deny-ip = "*.*.*.*"\nuser-allow-ip = "10.1.*.*;127.0.0.1;192.168.1.*"',
    ['10.1.0.0/16', '127.0.0.1', '192.168.1.0/24'],
  ],
  ['user-deny-ip = "*.*.*.*"\nuser-allow-ip = "10.*.*.*"', ['10.0.0.0/8']],
  ['user-allow-ip = "10.1.*.*"', undefined],
])('networks of %j', (lines, networks) => expect(user(lines).rows.clients.u!.networks).toEqual(networks));

test('a user with its senders, limits and provider', () => {
  const smpp = 'group = smsc\nsmsc = smpp\nsmsc-id = Main_1\nhost = h\nport = 1\n';
  const { rows } = user(
    'faked-sender = Acme\nmax-messages = 3\nthroughput = 5\nforced-smsc = Main_1\nallowed-prefix = "+49;44"',
    smpp,
  );
  expect(rows.clients.u).toMatchObject({
    forcedSender: 'Acme',
    maxSegments: 3,
    rate: '5/s',
    forcedSmsc: 'main-1',
    allowedPrefixes: ['+49', '44'],
  });
});

test('several SMS centres share the messages', () => {
  const one = (id: string) => `group = smsc\nsmsc = smpp\nsmsc-id = ${id}\nhost = h\nport = 1\n`;
  expect(importOf('kannel', `${one('a')}\n${one('b')}\n${one('b')}`).rows.routes).toEqual([
    { to: [{ a: 1, b: 1, 'b-2': 1 }] },
  ]);
});

test('a user with capital letters has to log in under another name', () => {
  const { rows, said } = importOf('kannel', USER.replace('= u', '= PlaySMS'));
  expect(Object.keys(rows.clients)).toEqual(['playsms']);
  expect(said.join('\n')).toMatch(/warning: username: programs have to log in as playsms/);
});

test.each([
  ['', /^file1:1: there is no group core, smsc or sendsms-user/],
  ['group = smsc\nnonsense\n', /^file1:2: this is neither/],
  ['host = x\n', /^file1:1: these settings belong to no group/],
  [`${USER}user-deny-ip = "*.*.*.*"\nuser-allow-ip = "10.*.0.1"\n`, /^file1:5: user-allow-ip: addresses belong here/],
  ['group = smsc\nsmsc = smpp\nhost = h\nport = smpp-port\n', /^file1:4: port: a whole number belongs here/],
  [
    'group = smsc\nsmsc = smpp\nhost = h\nport = 1\nsmsc-password = much-too-long\n',
    /^file1:1: this gives no row that Hermod takes: providers\.smpp\.password: /,
  ],
])('%j ends in one line', (text, fault) => expect(() => importOf('kannel', text)).toThrow(fault));

describe('sms-service', () => {
  const service = (lines: string) =>
    importOf('kannel', `group = smsbox\nreply-couldnotfetch = "Later."\n\n${USER}\n${lines}\n`);
  const one = (lines: string) => `group = sms-service\n${lines}\n`;

  test('keywords, URLs and texts become rows, the default last', () => {
    const { rows, said } = service(
      [
        one('keyword = default\ntext = "No such service"'),
        one(
          'keyword = Order\naliases = "bestellung; buy"\nget-url = "http://192.168.0.7/o?p=%p&t=%a"\nfaked-sender = 999',
        ),
        one('keyword = note\npost-url = "https://crm.example.com/n"\nmax-messages = 0\ncatch-all = true'),
        one('keyword = run\nexec = "/bin/x"'),
      ].join('\n'),
    );
    expect(rows.incoming).toEqual({
      replies: { couldNotFetch: 'Later.' },
      rows: [
        {
          when: { keyword: ['order', 'bestellung', 'buy'] },
          client: 'u',
          get: 'http://192.168.0.7/o?p=%p&t=%a',
          answer: 'reply',
          sender: '999',
        },
        { when: { keyword: 'note' }, client: 'u', post: 'https://crm.example.com/n' },
        { client: 'u', answer: { text: 'No such service' } },
      ],
    });
    expect(rows.clients.u!.callbacks).toEqual({ allow: ['192.168.0.7', 'crm.example.com'] });
    expect(said.join('\n')).toMatch(/taken: reply-couldnotfetch: is incoming\.replies\.couldNotFetch/);
    expect(said.join('\n')).toMatch(/left out: exec: answers are a text/);
    expect(said.join('\n')).toMatch(/left out: catch-all: a keyword is taken whatever follows it/);
  });

  test('without a user a client is made for the answers', () => {
    const smpp = 'group = smsc\nsmsc = smpp\nsmsc-id = a\nhost = h\nport = 1\n';
    const { rows } = importOf('kannel', `${smpp}\n${one('keyword = x\naccepted-smsc = a\ntext = "100 %"')}`);
    expect(rows.incoming).toEqual({
      rows: [{ when: { keyword: 'x', provider: ['a'] }, client: 'sms-service', answer: { text: '100 %' } }],
    });
    expect(rows.clients['sms-service']).toEqual({ password: ref('SMS_SERVICE_CLIENT_PASSWORD') });
  });

  test.each([
    ['text = "x"', /^file1:8: keyword: missing/],
    ['keyword = x\nget-url = "ftp://a"', /get-url: an http or https URL belongs here/],
    ['keyword = x\naccepted-smsc = b\ntext = y', /accepted-smsc: none of these SMS centres has a row/],
  ])('%j ends in one line', (lines, fault) => expect(() => service(one(lines))).toThrow(fault));
});
