// What every preset must do, over the list: a preset that a newcomer adds is tested by its line there.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RECEIPT_STATES } from '#shared/messages/report.ts';
import { apiOf } from '#shared/providers/api.ts';
import { PRESETS } from '#shared/providers/list.ts';
import { type HttpProvider, startHttpProvider } from '../peers/http-provider.ts';
import { freePort } from '../rig/port.ts';
import { NUMBER, openRow, rowOf, sendBy, smsOf } from './rig.ts';

/** Of rows with a template: presets take few of them. */
const KEYS = ['method', 'query', 'headers', 'charset', 'form', 'json', 'body', 'auth', 'answer', 'receipt', 'incoming'];
let provider: HttpProvider;

beforeAll(async () => {
  provider = await startHttpProvider();
});
afterAll(() => provider.stop());

test('names are unique, and each preset names the public source of what it does', () => {
  expect(new Set(PRESETS.map(({ name }) => name)).size).toBe(PRESETS.length);
  for (const { name, source } of PRESETS) expect(source.length, name).toBeGreaterThan(0);
});

describe.each(PRESETS.map((preset) => [preset.name, preset] as const))('%s', (name, preset) => {
  const row = (more: Record<string, unknown> = {}) => ({
    preset: name,
    account: preset.example,
    url: provider.url,
    ...more,
  });
  /** Latin characters only, as every provider here can carry. */
  const plain = () => smsOf({ text: 'Your code: 471-11', dlrMask: 3 });

  test('the example row is right, and its usual address is a secure one', () => {
    const { row: parsed } = rowOf(row());
    expect(parsed.bearer).toBe('http');
    if (preset.url) expect(preset.url).toMatch(name === 'kannel' ? /^http:/ : /^https:\/\/[^/]+$/);
    for (const key of preset.secrets) expect(preset.account.safeParse(preset.example).data).toHaveProperty(key);
  });

  test('an account with an unknown key is refused', () => {
    expect(() => rowOf(row({ account: { ...preset.example, surprise: 1 } }))).toThrow(/surprise: no such setting/);
  });

  test('what is proposed for a wrong key is a key that this row takes', () => {
    const fault = (more: Record<string, unknown>) => {
      try {
        return rowOf(row(more)) && '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    for (const key of KEYS) {
      const proposed = /do you mean (\w+)\?/.exec(fault({ [`${key}x`]: null }))?.[1];
      if (proposed === undefined) continue;
      expect(fault({ [proposed]: null }), `${key}x`).not.toContain('no such setting');
    }
    expect(fault({ connectTimeut: '3s' })).toContain('do you mean connectTimeout?');
  });

  test.each([500, 502, 503, 504])('HTTP %d: another try', async (status) => {
    provider.answer({ status, body: 'the database is away' });
    expect(await sendBy(row(), plain())).toMatchObject({ kind: 'retry' });
  });

  test('429: slower, and not before its Retry-After', async () => {
    provider.answer({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down' });
    expect(await sendBy(row(), plain())).toMatchObject({ kind: 'throttled', afterMs: 7_000 });
    provider.answer({ status: 429 });
    expect(await sendBy(row(), plain())).not.toHaveProperty('afterMs');
  });

  test.each([301, 400, 401, 402, 403, 404, 405, 410])(
    'HTTP %d without an error of its own: refused here, not anywhere',
    async (status) => {
      provider.answer({ status, body: 'no' });
      expect(await sendBy(row(), plain())).toMatchObject({ kind: 'refused', scope: 'provider' });
    },
  );

  test('a refused connection: unavailable, before and after the link is open', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await expect(openRow(row({ url }))).rejects.toThrow(/127\.0\.0\.1:\d+: connection refused$/);
    const gone = await startHttpProvider();
    const opened = await openRow(row({ url: gone.url }));
    await gone.stop();
    expect(await opened.send(plain())).toMatchObject({ kind: 'unavailable', reason: 'connection refused' });
    expect(await opened.ended).toBe('connection refused');
  });

  test('a server that hangs, or hangs up: unknown', async () => {
    provider.answer(() => 'hang');
    const started = performance.now();
    expect(await sendBy(row({ timeout: '300ms' }), plain())).toMatchObject({
      kind: 'unknown',
      reason: 'no answer within 0.3 s',
    });
    expect(performance.now() - started).toBeLessThan(10_000);
    provider.answer(() => 'drop');
    expect(await sendBy(row(), plain())).toMatchObject({ kind: 'unknown' });
  });

  test('secrets, texts and numbers that a provider repeats are in no reason', async () => {
    const account = preset.account.parse(preset.example) as Record<string, unknown>;
    const hidden = [...preset.secrets.map((key) => String(account[key])), 'Your code: 471-11', NUMBER];
    for (const status of [200, 400, 403, 500]) {
      provider.answer((call) => {
        const said = decodeURIComponent(`${call.url} ${call.body}`.replaceAll('+', ' '));
        const { authorization = '' } = call.headers;
        const words = `${said} ${authorization} ${Buffer.from(authorization.replace(/^Basic /, ''), 'base64')}`;
        return { status, body: JSON.stringify({ code: 1, message: words, text: words, error: words }) };
      });
      const outcome = JSON.stringify(await sendBy(row(), plain()));
      for (const one of hidden) expect(outcome).not.toContain(one);
    }
  });

  test('every word for a state is one of ours', () => {
    for (const state of Object.values(preset.states)) expect(RECEIPT_STATES).toContain(state);
    if (preset.receipts) expect(Object.values(preset.states)).toContain('delivered');
  });

  test('whatever comes as a callback or an answer, nothing is thrown and no callback is a receipt', () => {
    const api = apiOf(rowOf(row()).row);
    for (const json of [undefined, null, 1, '', [], {}, { results: [null, 1] }, { data: null }, { type: 'x' }]) {
      const callback = { method: 'POST', url: '', query: {}, form: {}, json, headers: {}, body: '' };
      expect(api.receipts(callback)).toBeUndefined();
      expect(api.incoming(callback)).toBeUndefined();
      expect(api.signed(callback)).not.toBe(true);
      const message = { ...smsOf(), encoding: 'gsm7' as const, receipt: false };
      expect(api.answer({ status: 200, headers: {}, body: JSON.stringify(json) ?? '' }, message)).toHaveProperty(
        'kind',
      );
    }
  });

  test('the long text of a message that is no text goes nowhere, or where octets can go', async () => {
    provider.answer({ status: 202, body: '0: Accepted for delivery' });
    const outcome = await sendBy(row(), smsOf({ text: '\x01\x02', encoding: 'binary', udh: '0504158a0000' }));
    if (preset.binary) expect(outcome.kind).toBe('done');
    else expect(outcome).toEqual({ kind: 'refused', scope: 'provider', reason: 'this provider takes texts only' });
  });
});
