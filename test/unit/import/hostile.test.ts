// Whatever the files hold: rows that pass the check, or one line for the person; and notes and faults without a secret.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../deploy/cli/fault.ts';
import { PRINTED } from './printed.ts';
import { importOf, type Program, ref } from './rig.ts';

const PROGRAMS: Program[] = ['linotp', 'privacyidea', 'kannel'];

/** All that a terminal would show, but for the rows. */
function shownBy(program: Program, text: string): string {
  try {
    return importOf(program, text).said.join('\n');
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    expect(error.message).toMatch(/^(file1|import):\d+: [^\n]+$/);
    return error.message;
  }
}

const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ':',
  ',',
  '=',
  '"',
  "'",
  '\\',
  '\n',
  '#',
  ' ',
  '${',
  ref('file:/etc/hostname'),
  '__proto__',
  'constructor',
  '1e999',
  '\0',
  '\u202e',
  'true',
  'None',
  '"URL"',
  '"http://x.example/"',
  '"PAYLOAD"',
  '"system_id"',
  '"CONFIGFILE"',
  '"mailserver"',
  '"Config"',
  '"scope"',
  '"action"',
  '"sms_provider=a"',
  'group',
  'smsc',
  'sendsms-user',
  'username',
  'password',
  'smpp',
  'at',
  'host',
  'port',
  'device',
  '/dev/x',
  '[sms:a]',
  'config',
  '[global]',
  '"providermodule"',
  '"options"',
  '"HttpSMSProvider"',
];
const soup = fc.array(fc.constantFrom(...TOKENS), { maxLength: 60 }).map((tokens) => tokens.join(''));

describe.each(PROGRAMS)('%s', (program) => {
  test('arbitrary text', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), soup, fc.json());
    fc.assert(
      fc.property(text, (one) => {
        shownBy(program, one);
      }),
      { numRuns: 400 },
    );
  });

  const examples = PRINTED.filter((one) => one.program === program && one.secrets);
  test('an example with a change anywhere tells no secret', () => {
    const change = fc.record({
      example: fc.constantFrom(...examples),
      at: fc.nat(2_000),
      take: fc.nat(1),
      put: fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 3 })),
      end: fc.boolean(),
    });
    fc.assert(
      fc.property(change, ({ example, at, take, put, end }) => {
        const text = example.text!;
        const place = at % (text.length + 1);
        // Without its line end a name would go into the value in front.
        const gone = text[place] === '\n' ? 0 : take;
        const changed = text.slice(0, place) + put + (end ? '' : text.slice(place + gone));
        const shown = shownBy(program, changed);
        for (const secret of example.secrets!) expect(shown).not.toContain(secret);
      }),
      { numRuns: 600 },
    );
  });
});

test('what the configuration would fill in is put aside, and no file is read for it', () => {
  const text = JSON.stringify({
    URL: 'http://x.example/',
    PARAMETER: { a: ref('file:/etc/hostname'), b: ref('HOME') },
    RETURN_SUCCESS: 'ok',
  });
  const { rows, env } = importOf('linotp', text);
  expect(rows.providers.sms!.form).toMatchObject({ a: ref('TEXT'), b: ref('TEXT_2') });
  expect(env).toMatchObject({ TEXT: ref('file:/etc/hostname'), TEXT_2: ref('HOME') });
});

test('brackets without end', () => {
  expect(() => importOf('linotp', '['.repeat(100_000))).toThrow(/over 50 brackets/);
});
