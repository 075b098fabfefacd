// Which row takes a message from a handset, whom STOP means, and what the section `incoming` may say.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { type Arrived, rowFor, stopIn } from '../../../services/ledger/incoming/rows.ts';

const config = (section: string, more = '') =>
  parseConfig(
    `clients: { a: { password: x }, b: { password: x } }
providers: { main: { bearer: smpp, host: h, port: 1, systemId: s }, gsm: { bearer: smpp, host: h, port: 1, systemId: s } }
${more}
incoming:
${section}`,
    'gateway.yaml',
    {},
  ).incoming;
const INCOMING = config(`  rows:
    - { when: { keyword: [Info, hilfe], number: "12345" }, client: a, answer: { text: "0" } }
    - { when: { keyword: info, provider: [gsm] }, client: a, answer: { text: "1" } }
    - { when: { number: "+49170" }, client: b, answer: { text: "2" } }
    - { when: { provider: main }, client: b, answer: { text: "3" } }
`);
const message = (change: Partial<Arrived>): Arrived => ({
  ...{ provider: 'main', from: '447700900123', to: '12345', text: 'info', encoding: 'gsm7' },
  ...change,
});
const row = (change: Partial<Arrived>) => {
  const answer = rowFor(INCOMING.rows, message(change))?.answer;
  return typeof answer === 'object' ? Number(answer.text) : undefined;
};

describe('the first row that fits', () => {
  test.each<[Partial<Arrived>, number | undefined]>([
    [{ text: '  INFO\nplease' }, 0],
    [{ text: 'HILFE' }, 0],
    [{ text: 'information' }, 3],
    [{ text: 'info', encoding: 'binary' }, 3],
    [{ text: '' }, 3],
    [{ to: '67890', provider: 'gsm' }, 1],
    [{ to: '49170', provider: 'gsm', text: 'x' }, 2],
    [{ to: '0049170', provider: 'gsm', text: 'x' }, 2],
    [{ to: '67890', provider: 'gsm', text: 'x' }, undefined],
  ])('%j', (change, expected) => expect(row(change)).toBe(expected));
});

describe('STOP', () => {
  const stop = (text: string, change: Partial<Arrived> = {}) => stopIn(INCOMING, message({ text, ...change }));
  test.each(['STOP', ' stop ', 'Stop!', '"Stop."', 'STOP ALL', 'unsubscribe', 'Quit\n'])('%j', (text) =>
    expect(stop(text)).toEqual({ active: true, clients: ['a', 'b'] }),
  );
  test.each(['stop it now', 'nonstop', 'The end', '', '!', 'ST0P'])('%j is another text', (text) =>
    expect(stop(text)).toBeUndefined(),
  );
  test('START takes it back; the clients are those of the number and the provider', () => {
    expect(stop('start')).toEqual({ active: false, clients: ['a', 'b'] });
    expect(stop('stop', { provider: 'gsm', to: '67890' })).toEqual({ active: true, clients: ['a'] });
    expect(stop('stop', { encoding: 'binary' })).toBeUndefined();
  });
  test('other words, or none', () => {
    const rows = '  rows: [{ client: a }]\n';
    const own = config(`${rows}  stopWords: [Arrêt, "нет!"]\n`);
    expect(stopIn(own, message({ text: 'ARRÊT' }))).toEqual({ active: true, clients: ['a'] });
    expect(stopIn(own, message({ text: 'Нет' }))).toEqual({ active: true, clients: ['a'] });
    expect(stopIn(own, message({ text: 'STOP' }))).toBeUndefined();
    expect(stopIn(config(`${rows}  stopWords: []\n`), message({ text: 'STOP' }))).toBeUndefined();
  });
  test('whatever is written, nobody else is stopped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, to) => {
        const found = stop(text, { to });
        rowFor(INCOMING.rows, message({ text, to }));
        expect(found === undefined || found.clients.every((client) => ['a', 'b'].includes(client))).toBe(true);
      }),
    );
  });
});

test.each([
  ['  rows: [{ client: nobody }]', '', /incoming\.rows\.0\.client: there is no client nobody/],
  ['  rows: [{ client: a, when: { provider: x } }]', '', /rows\.0\.when\.provider: there is no provider x/],
  ['  rows: [{ client: a, get: "http://h/", smpp: true }]', '', /rows\.0\.smpp: get is there already/],
  ['  rows: [{ client: a, webhook: "http://h/" }]', '', /client a needs callbacks\.secret/],
  ['  rows: [{ client: a, mailbox: "a@b.cd" }]', '', /callbacks\.mail has to name the mail server/],
  ['  rows: [{ client: a, smpp: true }]', '', /listen\.smpp has to be there/],
  ['  rows: [{ client: a, answer: reply }]', '', /only the URL of get or post has a reply/],
  ['  rows: [{ client: a, get: "ftp://h/" }]', '', /rows\.0\.get: must be an http or https URL/],
  ['  rows: [{ client: a, when: { keyword: "two words" } }]', '', /keyword: must be the first word of the text/],
  ['  rows: [{ client: a, keyword: x }]', '', /incoming\.rows\.0\.keyword: no such setting/],
  ['  partsWithin: 10ms', '', /partsWithin: from 1s to 12h/],
])('%s is refused', (section, more, fault) => expect(() => config(section, more)).toThrow(fault));
