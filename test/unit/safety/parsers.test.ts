// What parsers and patterns could be made to do: entities that multiply or name files, patterns without end, names of
// JavaScript's own objects as fields.
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { xmlRpcAnswer } from '#shared/providers/xml-rpc.ts';
import { parseReplace, rewriteNumber } from '#shared/sms/rewrite.ts';
import { readXml } from '../../../services/ingress-http/kannel/xml.ts';
import { parseQuery } from '../../../services/ingress-http/query.ts';
import { readFields } from '../../../services/ingress-http/shapes/fields.ts';
import { judge } from '../../../services/ingress-smtp/rules.ts';

/** CPU time: other work on the machine does not count. */
function msOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1_000;
}
const MOST_MS = 2_000;

const lols = Array.from(
  { length: 12 },
  (_, i) => `<!ENTITY l${i} "${i === 0 ? 'lol' : `&l${i - 1};`.repeat(10)}">`,
).join('');
const ENTITIES = {
  'a billion laughs': `<!DOCTYPE x [${lols}]>`,
  'a file of this host': '<!DOCTYPE x [<!ENTITY l11 SYSTEM "file:///etc/passwd">]>',
  'an address of this network': '<!DOCTYPE x [<!ENTITY l11 SYSTEM "http://169.254.169.254/">]>',
  'a word of its own': '<!DOCTYPE x [<!ENTITY l11 "lollol">]>',
  'a parameter entity': '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p; <!ENTITY l11 "y">]>',
};

describe.each(Object.entries(ENTITIES))('XML with %s', (_name, doctype) => {
  test('from a client is refused, or its entity stays what it is', () => {
    const xml = `<?xml version="1.0"?>${doctype}<message><submit><da><number>447700900123</number></da><ud>&l11;</ud></submit></message>`;
    let read: unknown;
    expect(msOf(() => (read = readXml(xml, 'utf-8')))).toBeLessThan(MOST_MS);
    const told = read instanceof Map ? JSON.stringify([...read]) : JSON.stringify(read);
    expect(told).not.toMatch(/root:|lollol/);
    expect(told.length).toBeLessThan(1_000);
  });

  test('from a provider expands nothing', () => {
    const xml = `<?xml version="1.0"?>${doctype}<methodResponse><params><param><value><struct><member><name>a</name><value><string>&l11;</string></value></member></struct></value></param></params></methodResponse>`;
    let read: ReturnType<typeof xmlRpcAnswer>;
    expect(msOf(() => (read = xmlRpcAnswer(xml)))).toBeLessThan(MOST_MS);
    expect(JSON.stringify(read! ?? {}).length).toBeLessThan(1_000);
    expect(JSON.stringify(read! ?? {})).not.toMatch(/root:|lollol/);
  });
});

describe('patterns of the configuration', () => {
  const EVIL = ['(a+)+$', '(a|a)*$', '(a|aa)+$', '(.*a){20}$', '([a-z]+)*$'];
  test.each(EVIL)('%s over a mail that almost fits ends soon', (pattern) => {
    const rule = { name: 'r', client: 'c', networks: ['127.0.0.1'], when: { body: `^${pattern}` }, number: '1234567' };
    const settings = { clients: { c: { password: 'x', sender: '1' } }, mail: { rules: [{ ...rule, text: 'x' }] } };
    const { mail } = parseConfig(JSON.stringify(settings), 'g.yaml', {});
    const content = { subject: '', text: `${'a'.repeat(5_000)}!` };
    const look = () => judge(mail.rules[0]!, { from: '', recipients: ['x@y'] }, content, () => undefined);
    expect(msOf(look)).toBeLessThan(MOST_MS);
  });

  test.each(EVIL)('%s over a number ends soon', (pattern) => {
    const replace = parseReplace(`/${pattern}/x/`);
    const given = `${'a'.repeat(5_000)}!`;
    expect(msOf(() => rewriteNumber({ given, to: given }, { replace } as never))).toBeLessThan(MOST_MS);
  });

  test('what would need to go back is no pattern', () => {
    for (const pattern of ['(a)\\1', '(?=a)', '(?<=a)b', '(?>a)'])
      expect(() => parseReplace(`/${pattern}/x/`)).toThrow();
  });
});

describe('names of JavaScript as fields', () => {
  const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
  const untouched = () => {
    const fresh: Record<string, unknown> = {};
    expect(fresh.polluted).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('polluted');
  };
  test.each(NAMES)('%s in a query, a form and JSON is a field like another', (name) => {
    expect(parseQuery(`${name}=polluted&${name}[polluted]=1`).get(name)).toBe('polluted');
    const form = readFields(`/x?${name}=a`, Buffer.from(`to=1&${name}=polluted`), ['to'], 'text');
    expect(form?.get(name.toLowerCase())).toEqual(['polluted']);
    const json = Buffer.from(`{"to":"1","${name}":{"polluted":true}}`);
    expect(readFields('/x', json, ['to'], 'text')).toBeUndefined();
    untouched();
  });

  test('in the configuration they are faults', () => {
    for (const name of NAMES.slice(0, 3))
      expect(() => parseConfig(`clients: { x: { password: y, ${name}: { polluted: true } } }`, 'g.yaml', {})).toThrow(
        /^g\.yaml:1: /,
      );
    untouched();
  });
});

test('a body that is packed is not unpacked: a bomb stays as small as it came', () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000, '{"to":"447700900123"}'));
  expect(bomb.length).toBeLessThan(200_000);
  expect(readFields('/x', bomb, ['to'], 'text')).toBeUndefined();
});
