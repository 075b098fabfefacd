// Mails that are wrong in every way that mail can be: the same ones at every run. Most still carry the guest's data, so a
// door either takes the whole or refuses it. Octets are Latin-1 characters; line ends are as they stand.

export type HostileMail = { name: string; data: string };

const DATA = ['to:48501234567', 'text:Username: jsmith02', 'text:Password: t6ub79_6r', ''].join('\r\n');
const SUBJECT = 'Subject: Guest Text Notification';
const mail = (headers: readonly string[], body = DATA) => `${[SUBJECT, ...headers].join('\r\n')}\r\n\r\n${body}`;
const plain = 'Content-Type: text/plain; charset=us-ascii';
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');

/** A small generator with a seed (mulberry32): the corpus is the same at every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function octets(seed: number, length: number): string {
  const next = random(seed);
  return Array.from({ length }, () => String.fromCharCode(Math.floor(next() * 256))).join('');
}

const named = (kind: string, mails: readonly string[]): HostileMail[] =>
  mails.map((data, i) => ({ name: `${kind} ${i + 1}`, data }));

function multipart(): string {
  const part = (type: string, body: string) => `--edge\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;
  const html = '<p>to:48501234567<br>and more</p>'.repeat(20);
  const image = `--edge\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64('x'.repeat(900))}\r\n`;
  return mail(
    ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="edge"'],
    `preamble\r\n${part('text/plain', DATA)}${part('text/html', html)}${image}--edge--\r\n`,
  );
}

/** Cut in the header, and at many places behind the guest's data. */
function truncated(): HostileMail[] {
  const whole = multipart();
  const behind = whole.indexOf('t6ub79_6r') + 10;
  const cuts = Array.from({ length: 14 }, (_, i) => behind + Math.floor(((whole.length - behind) * i) / 14));
  return named(
    'truncated',
    [10, 40, 70, 100, 120, ...cuts].map((cut) => whole.slice(0, cut)),
  );
}

function nested(): HostileMail[] {
  const deep = (depth: number, closed: boolean) => {
    let data = SUBJECT;
    for (let i = 0; i < depth; i++) data += `\r\nContent-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}`;
    data += `\r\n${plain}\r\n\r\n${DATA}`;
    for (let i = depth - 1; closed && i >= 0; i--) data += `\r\n--b${i}--`;
    return data;
  };
  const wide = (count: number) =>
    mail(['Content-Type: multipart/mixed; boundary=b'], `--b\r\n${plain}\r\n\r\n${DATA}\r\n`.repeat(count));
  const inside = (depth: number) =>
    `${SUBJECT}\r\n${'Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n'.repeat(depth)}${plain}\r\n\r\n${DATA}`;
  const sameEdge = mail(
    ['Content-Type: multipart/mixed; boundary=b'],
    '--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'.repeat(40),
  );
  const depths = [3, 30, 99, 100, 500, 900];
  return named('nested', [
    ...depths.map((depth) => deep(depth, true)),
    ...depths.map((depth) => deep(depth, false)),
    wide(90),
    wide(700),
    inside(5),
    inside(300),
    sameEdge,
    mail(['Content-Type: multipart/mixed; boundary=""'], `--\r\n\r\n${DATA}`),
    mail(['Content-Type: multipart/mixed'], DATA),
    mail([`Content-Type: multipart/mixed; boundary=${'b'.repeat(5_000)}`], `--${'b'.repeat(5_000)}\r\n\r\n${DATA}`),
  ]);
}

function encodings(): HostileMail[] {
  const charsets = [
    'x-none',
    'utf-7',
    'utf-16',
    'utf-32',
    'iso-2022-jp',
    'gb18030',
    'ibm037',
    '../../etc',
    '"',
    '%s%n',
    '',
  ];
  const transfers = ['base64', 'quoted-printable', 'x-uuencode', '7bit', 'binary', 'x'.repeat(1_000)];
  return named('encoding', [
    ...charsets.map((name) => mail([`Content-Type: text/plain; charset=${name}`], `${DATA}\xff\xfe\x80\r\n`)),
    ...transfers.map((name) => mail([plain, `Content-Transfer-Encoding: ${name}`], `${DATA}====\x80=\xff=0`)),
    mail([plain, 'Content-Transfer-Encoding: base64'], base64(DATA).slice(0, -3)),
    mail([plain, 'Content-Transfer-Encoding: base64'], '='.repeat(50_000)),
    mail([plain, 'Content-Transfer-Encoding: quoted-printable'], '=3D'.repeat(10_000) + '='.repeat(10_000)),
    mail(['Content-Type: text/plain; format=flowed; delsp=yes'], 'x \r\n'.repeat(10_000)),
    mail(['Content-Type: text/plain; charset=utf-8'], DATA.replace('t6ub', '\xc3\x28\xa0\xa1')),
  ]);
}

function headers(): HostileMail[] {
  return named('header', [
    mail([`X-Long: ${'x'.repeat(60_000)}`]),
    mail([`X-Long: ${'x'.repeat(63_000)}`, `Y: ${'y'.repeat(900)}`]),
    mail(Array.from({ length: 5_000 }, (_, i) => `X-${i}: y`)),
    mail([`X-Folded: ${'y\r\n '.repeat(12_000)}`]),
    mail([`Received: ${'from x by y; '.repeat(4_000)}`]),
    mail([`From: ${'('.repeat(30_000)}`]),
    mail([`From: ${'<a@b,'.repeat(8_000)}`]),
    mail([`To: ${'a:'.repeat(20_000)}`]),
    mail([`To: ${'"'.repeat(20_001)}`]),
    mail([`Cc: ${'=?utf-8?q?'.repeat(5_000)}`]),
    mail([`References: ${'<a '.repeat(15_000)}`]),
    mail(['List-__proto__: <http://a>', '__proto__: x', 'constructor: y', 'toString: z']),
    mail([`Content-Type: text/plain${'; a*0*=x'.repeat(5_000)}`]),
    mail([`Content-Type: text/plain; charset*=${"'".repeat(10_000)}`]),
    mail([`Content-Disposition: inline; filename*0=${'%ff'.repeat(10_000)}`]),
    mail(['Date: not a date at all', 'Message-ID:', 'Message-ID: <>', 'MIME-Version: 9.9']),
    mail(['Subject: another one', 'From: a@b', 'From: c@d', 'To: e@f', 'To: g@h']),
    `${SUBJECT}\r\nno colon here\r\n: no name\r\n =folded start\r\n\r\n${DATA}`,
    `=?utf-8?b?!!!!?= \r\n${DATA}`,
    `\r\n\r\n\r\n${SUBJECT}\r\n\r\n${DATA}`,
    SUBJECT,
    DATA,
    '',
    '\r\n',
    `${SUBJECT}\r\n${DATA}`,
    `${SUBJECT.replace('Guest Text', `=?utf-8?b?${base64('Guest Text')}?= =?x-none?q?=FF=FE?=`)}\r\n\r\n${DATA}`,
    `${SUBJECT.replace('Guest', '=?utf-8?q?Gu=00e=0D=0Ast?=')}\r\n\r\n${DATA}`,
  ]);
}

function html(): HostileMail[] {
  const page = (body: string) => mail(['Content-Type: text/html'], body);
  return named('html', [
    page('<div>'.repeat(10_000)),
    page('<table><tr><td>'.repeat(3_000)),
    page('<'.repeat(50_000)),
    page('&'.repeat(50_000)),
    page(`${'&#x1F600;'.repeat(5_000)}&#xD800;&#0;&bogus;`),
    page(`<!--${'-'.repeat(50_000)}`),
    page(`<style>${'}'.repeat(30_000)}</style><script>${'('.repeat(10_000)}`),
    page(`<p ${'a=b '.repeat(10_000)}>${DATA.replaceAll('\r\n', '<br>')}`),
  ]);
}

/** SMTP must refuse these before it looks at them. */
function lines(): HostileMail[] {
  return named('line', [
    mail([plain], DATA.replaceAll('\r\n', '\n')),
    mail([plain], DATA.replaceAll('\r\n', '\r')),
    mail([plain], `${DATA}\n.\n${DATA}`),
    mail([plain], `${DATA}\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<sms@x>\r\nDATA\r\n${DATA}`),
    mail([plain], `${DATA}\r\n.\rMAIL FROM:<a@b>\r\n`),
    mail([plain, 'X: a\nBcc: b@c']),
    mail([plain, 'X: a\0b']),
    mail([plain], DATA.replace('t6', 't\x006')),
    mail([plain], '\0'.repeat(30_000)),
    mail([plain], `${DATA}\r`),
    octets(1, 10),
    octets(2, 1_000),
    octets(3, 60_000),
    mail([plain], octets(4, 20_000)),
    mail([octets(5, 2_000)]),
  ]);
}

/** Random octets that keep to SMTP's line ends, so that they reach the MIME parser. */
const noise = (): HostileMail[] =>
  named(
    'noise',
    Array.from({ length: 12 }, (_, i) => {
      const junk = octets(100 + i, 3_000).replaceAll(/[\r\n\0]/g, '\r\n');
      const at = Math.floor(random(200 + i)() * 3_000);
      return i % 2 === 0
        ? mail([junk.slice(0, at).replaceAll(/(\r\n)+/g, '\r\n ')])
        : `${multipart().slice(0, 130 + at / 20)}${junk}`;
    }),
  );

/** Well over a hundred. */
export const hostileMails = (): HostileMail[] => [
  ...truncated(),
  ...nested(),
  ...encodings(),
  ...headers(),
  ...html(),
  ...lines(),
  ...noise(),
];
