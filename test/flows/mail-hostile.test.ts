// More than a hundred malformed mails at the mail door: each ends in a clear answer, nothing crashes, nothing is half
// sent, and memory stays flat.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { hostileMails } from '../peers/hostile-mails.ts';
import type { SmtpClient } from '../peers/smtp-client.ts';
import { GUIDE_SHORT_MESSAGE, SMS_ADDRESS, SPONSOR } from '../rig/guide.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { until } from '../rig/until.ts';

const mails = hostileMails();
const ROUNDS = 6;

let rig: MailRig;
beforeAll(async () => {
  rig = await startMailRig({ maxSize: '128KiB' });
});
afterAll(() => rig?.stop());
afterEach(() => rig.hangUp());

/** Sends the corpus over one connection and gives the replies. A dot that begins a line is stuffed. */
async function offerAll(client: SmtpClient): Promise<{ name: string; code: number; text: string }[]> {
  const replies = [];
  for (const { name, data } of mails) {
    const reply = await client.mail(SPONSOR, [SMS_ADDRESS], data.replaceAll(/^\./gm, '..'));
    replies.push({ name, ...reply });
  }
  return replies;
}

test('each of them ends in a clear answer, and what is accepted arrives whole', { timeout: 120_000 }, async () => {
  expect(mails.length).toBeGreaterThan(100);
  const client = await rig.open(rig.port);
  const replies = await offerAll(client);
  const unclear = replies.filter(({ code, text }) => {
    if (code === 250) return !text.startsWith('2.6.0 accepted as ');
    return ![550, 552, 554].includes(code) || !/^5\.\d\.\d [\x20-\x7e]{20,}$/.test(text);
  });
  expect(unclear).toEqual([]);
  expect(replies.filter(({ name }) => name.startsWith('line')).map(({ code }) => code)).not.toContain(250);

  const accepted = replies.filter(({ code }) => code === 250).length;
  expect(accepted).toBeGreaterThan(20);
  expect(replies.length - accepted).toBeGreaterThan(40);
  expect(await client.say('NOOP')).toMatchObject({ code: 250, text: 'OK' });
  await until('what was accepted arrives', () => rig.smsc.received.length >= accepted);
  const texts = rig.smsc.received.map(({ shortMessage }) => shortMessage.toString('hex'));
  expect(texts).toHaveLength(accepted);
  expect(texts.filter((text) => text !== GUIDE_SHORT_MESSAGE)).toEqual([]);
});

test('memory stays flat', { timeout: 240_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => {
    collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return heapUsed + external + arrayBuffers;
  };
  const client = await rig.open(rig.port);
  rig.smsc.received.length = 0;
  await offerAll(client);
  const before = { held: held(), rss: process.memoryUsage().rss };
  const after: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await offerAll(client);
    rig.smsc.received.length = 0;
    after.push(held());
  }
  // The database holds a few MB now and then, so the least of the last rounds counts, and not each octet of it.
  const offered = ROUNDS * mails.reduce((sum, { data }) => sum + data.length, 0);
  expect(Math.min(...after.slice(-3)) - before.held).toBeLessThan(offered * 0.75);
  expect(process.memoryUsage().rss - before.rss).toBeLessThan(50 * 1_048_576);
});

test('clients that go away, talk too soon or never end leave nothing behind', async () => {
  const early = await rig.dial(rig.port);
  early.write('EHLO early\r\n');
  expect(await early.reply()).toMatchObject({ code: 421 });
  await early.ended;

  const leavers = await Promise.all(Array.from({ length: 10 }, () => rig.open(rig.port)));
  for (const leaver of leavers) {
    await leaver.envelope(SPONSOR, [SMS_ADDRESS]);
    leaver.write('Subject: Guest Text Notification\r\n\r\nto:48501234567\r\n');
    leaver.close();
  }
  const talker = await rig.open(rig.port);
  talker.write('x'.repeat(10_000));
  expect(await talker.reply()).toMatchObject({ code: 421, text: expect.stringMatching(/too long/) });
  await talker.ended;

  const browser = await rig.dial(rig.port);
  await browser.reply();
  expect(await browser.say('POST / HTTP/1.1')).toMatchObject({ code: 421 });

  const good = await rig.open(rig.port);
  expect(
    await good.mail(SPONSOR, [SMS_ADDRESS], mails.find(({ name }) => name === 'truncated 19')!.data),
  ).toMatchObject({
    code: 250,
  });
});
