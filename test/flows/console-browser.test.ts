// A night on call, at a real browser and with the keyboard alone: the first link, the first message, a provider paused, a
// dead letter put right. Then every page at both widths, light and dark, under axe. With HERMOD_FULL=1 there are 100,000
// messages more. The screens are kept in var/console.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { newId } from '#shared/messages/id.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { fillLedger } from '../load/ledger.ts';
import { type Chromium, DESKTOP, PHONE, startChromium } from '../peers/chromium.ts';
import { requireDebian } from '../peers/debian.ts';
import { type Console, putAside, startConsole } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SCREENS = resolve(import.meta.dirname, '../../var/console');
const FULL = process.env.HERMOD_FULL === '1';
const MESSAGES = FULL ? 100_000 : 0;
const ZBARIMG = '/usr/bin/zbarimg';
const ENTRY = 'the-token-of-the-first-link';
const ALL_LOOKS = [
  { width: 'desktop', size: DESKTOP, colours: 'light' },
  { width: 'phone', size: PHONE, colours: 'dark' },
  { width: 'desktop', size: DESKTOP, colours: 'dark' },
  { width: 'phone', size: PHONE, colours: 'light' },
] as const;
/** The two that differ most, unless there is time for all. */
const LOOKS = ALL_LOOKS.slice(0, FULL ? 4 : 2);

let rig: Rig;
let console_: Console;
let chromium: Chromium;
beforeAll(async () => {
  const port = await freePort();
  const password = await hashPassword('right');
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, notifier],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, console: { port } },
      console: { users: { anna: { password, role: 'operator', totp: true } } },
    }),
  });
  if (MESSAGES > 0) {
    await rig.stopServices();
    await fillLedger(rig.dir, MESSAGES);
    await rig.startServices();
  }
  [console_, chromium] = await Promise.all([startConsole(rig, port, ENTRY), startChromium()]);
}, 300_000);
afterAll(async () => {
  await chromium?.stop();
  await console_?.stop();
  await rig?.stop();
});

/** At both widths, light and dark: nothing sticks out at the side, and axe finds nothing serious. */
async function keep(name: string): Promise<void> {
  const { page } = chromium;
  for (const { width, size, colours } of LOOKS) {
    await chromium.view(size, colours);
    const [wide, inner] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, innerWidth]');
    expect(wide, `${name} at ${width}`).toBeLessThanOrEqual(inner);
    await chromium.screenshot(resolve(SCREENS, `${name}-${width}-${colours}.png`));
    expect(await chromium.serious(), `${name} at ${width}, ${colours}`).toEqual([]);
  }
  await chromium.view(DESKTOP, 'light');
}

test('a night on call', async () => {
  const { page, shows, press, tabTo } = chromium;

  // Nobody is let in without a link or an account.
  await page.goto(`${console_.url}/queues`);
  await shows('Log in');
  await keep('log-in');
  await tabTo('Name');
  await page.keyboard.type('nobody');
  await tabTo('Password');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await shows('wrong name or password');

  // The one-time link; an empty console says how to begin.
  await page.goto(`${console_.url}/#enter=${ENTRY}`);
  await shows('Nothing is wrong.');
  if (MESSAGES === 0) await shows('curl -i');
  expect(page.url()).toBe(`${console_.url}/`);
  await keep('empty');

  // The first message appears by itself, and its time leads to its story.
  const [id = ''] = (await rig.send({ to: '447700900123', text: 'the code is 424242', 'dlr-mask': '31' })).ids;
  await shows(/4477\.\.23[\s\S]*delivered/);
  await press((await page.locator(`a[href="/messages/${id}"]`).textContent())!);
  await shows(/accepted[\s\S]*submitted[\s\S]*receipt[\s\S]*delivered/);
  expect(await page.innerText('body')).not.toMatch(/the code is|7700900123/);
  await press('Show the number');
  await shows('447700900123');
  await keep('story');

  // Search.
  await press('Messages');
  await shows('Number or id');
  await tabTo('Number or id');
  await page.keyboard.type('7700900123');
  await page.keyboard.press('Enter');
  await shows(/4477\.\.23[\s\S]*sandbox/);
  expect(new URL(page.url()).search).toBe('?number=7700900123&hours=24');

  // A provider is paused, which asks first, and resumed.
  await press('Providers');
  await shows('Sent per second');
  await press('Pause sandbox');
  await shows('Pause sandbox?');
  await keep('question');
  await page.keyboard.press('Escape');
  await press('Pause sandbox');
  await press('Pause');
  await shows('sandbox is paused.');
  await shows(/^Resume$/m);
  await tabTo('Resume sandbox');
  await press('Hermod');
  await shows(/Note\s+sandbox is paused/);
  await press('Providers');
  await shows(/^Resume$/m);
  await press('Resume sandbox');
  await shows('sandbox takes messages again.');

  // A dead letter is seen on the first page, and put right.
  await putAside(rig, newId(), '447700900130');
  await press('Hermod');
  await shows('1 dead letter waits for someone to decide');
  await keep('wrong');
  await press('Queues');
  await shows('handled twice');
  expect(await page.innerText('body')).not.toMatch(/Your code|447700900130/);
  await keep('queues');
  await press((await page.locator('.letter button.main').first().getAttribute('aria-label'))!);
  await shows('1 letter sent again.');
  await shows('There are none.');
  await until('it is at the SMSC', () => rig.smsc.received.some(({ dest }) => dest.addr === '447700900130'));
}, 240_000);

test('every page of the menu, and one’s account: axe finds nothing serious at any width and in any light', async () => {
  const { page, shows, press } = chromium;
  const pages = await page.locator('nav a').evaluateAll((links) => links.map((link) => link.textContent!));
  expect(pages.length).toBeGreaterThan(4);
  for (const name of pages) {
    await press(name);
    await until(`${name} is the page`, async () => (await page.title()) === `${name} – Hermod`);
    const isBusy = async () => (await page.locator('main [aria-busy="true"]').count()) > 0;
    await until('it is there', async () => !/Looking …/.test(await page.innerText('main')) && !(await isBusy()));
    expect(await page.locator('h1').count(), name).toBe(1);
    await keep(`page-${name.toLowerCase()}`);
  }
  await press('first-run, admin');
  await shows('Log out everywhere else');
  await keep('account');

  // And home.
  await press('Log out');
  await shows('Log in');
  await page.goto(`${console_.url}/messages`);
  await shows('Log in');
  const refused = /status of 401/;
  expect(chromium.faults.filter((fault) => !refused.test(fault))).toEqual([]);
}, 240_000);

/** As a phone does, by a program that knows nothing of how it was drawn. */
function readQr(file: string): string {
  requireDebian('zbar-tools', ZBARIMG);
  return execFileSync(ZBARIMG, ['--quiet', '--raw', file], { encoding: 'utf8' }).trim();
}

test('a second factor is set up at the first log-in, and asked for at the next', async () => {
  const { page, shows, press, tabTo } = chromium;
  const logIn = async () => {
    await tabTo('Name');
    await page.keyboard.type('anna');
    await tabTo('Password');
    await page.keyboard.type('right');
    await page.keyboard.press('Enter');
  };
  const type = async (code: string, label: string) => {
    await tabTo(label);
    await page.keyboard.type(code);
    await page.keyboard.press('Enter');
  };
  await page.goto(console_.url);
  await logIn();
  await shows('your account needs a code');
  await page.locator('code.secret').waitFor();
  await keep('enrol');
  const key = (await page.locator('code.secret').textContent())!.replaceAll(' ', '');
  const picture = resolve(SCREENS, 'qr.png');
  await page.locator('svg.qr').screenshot({ path: picture });
  expect(readQr(picture)).toBe(`otpauth://totp/Hermod:anna?issuer=Hermod&secret=${key}`);
  const secret = Secret.fromBase32(key);
  const now = Date.now();
  await type(TOTP.generate({ secret, timestamp: now }), 'Code');
  await shows('Latest messages');
  expect(await page.locator('nav a').allTextContents()).not.toContain('Audit');
  await press('anna, operator');
  await shows('For another app or phone');
  await keep('account-with-code');

  await press('Log out');
  await shows('Log in');
  await logIn();
  await page.locator('#code').waitFor();
  await keep('code');
  await type('000000', 'Code from your authenticator app');
  await shows('this code is wrong');
  await type(TOTP.generate({ secret, timestamp: now + 30_000 }), 'Code from your authenticator app');
  await shows('Log out everywhere else');
}, 120_000);

/** Draws the gateway, and says of each text by how many pixels it is longer than its box. */
const DRAW = `(async () => {
  const { pipeline } = await import('/assets/pages/pipeline.js');
  const door = (door, accepted, refused) => ({ door, accepted: { minute: accepted }, refused: { minute: refused } });
  const way = (provider, state, minute) => ({ provider, state, flow: { taken: { minute } } });
  const into = document.createElement('div');
  into.className = 'pipeline';
  document.querySelector('main').replaceChildren(into);
  pipeline(into)({
    flow: { doors: [door('http', 9_999, 9_999), door('smpp', 123_456, 12_345)] },
    providers: [way('main', 'up', 987_654), way('the-modem-in-the-cellar', 'not bound', 0), way('push', 'no worker', 0)],
    lanes: [{ lane: 'urgent', router: 112_345, retry: 0 }],
  });
  return [...into.querySelectorAll('.node')].flatMap((node) => {
    const box = node.querySelector('rect').getBoundingClientRect();
    return [...node.querySelectorAll('text')].map((text) => ({
      words: text.textContent,
      over: text.getBoundingClientRect().right - box.right,
    }));
  });
})()`;

test('the picture of the gateway: at no width is a state or a number cut, and nothing leaves its box', async () => {
  const { page } = chromium;
  await page.goto(console_.url);
  for (const width of [320, PHONE.width, 560, 760, DESKTOP.width]) {
    await page.setViewportSize({ width, height: PHONE.height });
    const texts = await page.evaluate<{ words: string; over: number }[]>(DRAW);
    for (const { words, over } of texts) expect(over, `${words} at ${width}`).toBeLessThan(0);
    const all = texts.map(({ words }) => words).join('; ');
    for (const words of ['wait', 'not bound', 'no worker', '9999/min', '9999 no']) expect(all).toContain(words);
    expect(all.split('…'), 'the long name alone').toHaveLength(2);
  }
  await chromium.view(DESKTOP, 'light');
});
