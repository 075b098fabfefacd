// A night on call, at a real browser and with the keyboard alone: the first link, the first message, a provider paused, a
// dead letter put right. The screens are kept in var/console, at both widths, light and dark.
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#shared/messages/id.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type Chromium, startChromium } from '../peers/chromium.ts';
import { type Console, putAside, startConsole } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SCREENS = resolve(import.meta.dirname, '../../var/console');
const ENTRY = 'the-token-of-the-first-link';
const DESKTOP = { width: 1_200, height: 800 };
const PHONE = { width: 390, height: 844 };

let rig: Rig;
let console_: Console;
let chromium: Chromium;
beforeAll(async () => {
  const port = await freePort();
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, notifier],
    settings: (standard) => ({ ...standard, listen: { ...standard.listen, console: { port } } }),
  });
  [console_, chromium] = await Promise.all([startConsole(rig, port, ENTRY), startChromium()]);
});
afterAll(async () => {
  await chromium?.stop();
  await console_?.stop();
  await rig?.stop();
});

/** Both widths, light and dark; nothing may stick out at the side. */
async function keep(name: string): Promise<void> {
  const { page } = chromium;
  for (const [width, view] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const dark of [false, true]) {
      await page.view({ ...view, dark });
      const [wide, inner] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, innerWidth]');
      expect(wide, `${name} at ${width}`).toBeLessThanOrEqual(inner);
      await page.screenshot(resolve(SCREENS, `${name}-${width}-${dark ? 'dark' : 'light'}.png`));
    }
  }
  await page.view({ ...DESKTOP, dark: false });
}

/** Each control has a name, each page one first heading, no id is there twice. */
async function hasNames(): Promise<void> {
  const faults = await chromium.page.evaluate<string[]>(`[
    ...[...document.querySelectorAll('button, a, input, select')]
      .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length))
      .map((one) => 'no name: ' + one.outerHTML),
    ...(document.querySelectorAll('h1').length === 1 ? [] : ['not one h1']),
    ...[...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, i, all) => all.indexOf(id) !== i),
  ]`);
  expect(faults).toEqual([]);
}

test('a night on call', async () => {
  const { page } = chromium;
  await page.view({ ...DESKTOP, dark: false });

  // Nobody is let in without a link or an account.
  await page.open(`${console_.url}/queues`);
  await page.shows('Log in');
  await hasNames();
  await keep('log-in');
  await page.tabTo('Name');
  await page.type('nobody');
  await page.tabTo('Password');
  await page.type('wrong');
  await page.press('Enter');
  await page.shows('wrong name or password');

  // The one-time link; an empty console says how to begin.
  await page.open(`${console_.url}/#enter=${ENTRY}`);
  await page.shows('Nothing is wrong.');
  await page.shows('curl -i');
  expect(await page.evaluate('location.href')).toBe(`${console_.url}/`);
  await hasNames();
  await keep('empty');

  // The first message appears by itself, and its time leads to its story.
  const [id = ''] = (await rig.send({ to: '447700900123', text: 'the code is 424242', 'dlr-mask': '31' })).ids;
  await page.shows(/4477\.\.23[\s\S]*delivered/);
  await keep('now');
  const time = await page.evaluate<string>(`document.querySelector('a[href="/messages/${id}"]').textContent`);
  await page.tabTo(time);
  await page.press('Enter');
  await page.shows(/accepted[\s\S]*submitted[\s\S]*receipt[\s\S]*delivered/);
  expect(await page.text()).not.toMatch(/424242|7700900123/);
  await hasNames();
  await page.tabTo('Show the number');
  await page.press('Enter');
  await page.shows('447700900123');
  await keep('story');

  // Search.
  await page.tabTo('Messages');
  await page.press('Enter');
  await page.shows('Number or id');
  await page.tabTo('Number or id');
  await page.type('900123');
  await page.press('Enter');
  await page.shows(/4477\.\.23[\s\S]*sandbox/);
  expect(await page.evaluate('location.search')).toBe('?number=900123&hours=24');
  await hasNames();
  await keep('messages');

  // A provider is paused, which asks first, and resumed.
  await page.tabTo('Providers');
  await page.press('Enter');
  await page.shows('Sent per second');
  await page.tabTo('Pause sandbox');
  await page.press('Enter');
  await page.shows('Pause sandbox?');
  await keep('question');
  await page.press('Escape');
  await page.tabTo('Pause sandbox');
  await page.press('Enter');
  await page.tabTo('Pause');
  await page.press('Enter');
  await page.shows('sandbox is paused.');
  await page.shows(/^Resume$/m);
  await page.tabTo('Resume sandbox');
  await hasNames();
  await keep('providers');
  await page.tabTo('Hermod');
  await page.press('Enter');
  await page.shows(/Note\s+sandbox is paused/);
  await keep('paused');
  await page.tabTo('Providers');
  await page.press('Enter');
  await page.shows(/^Resume$/m);
  await page.tabTo('Resume sandbox');
  await page.press('Enter');
  await page.shows('sandbox takes messages again.');

  // A dead letter is seen on the first page, and put right.
  await putAside(rig, newId(), '447700900130');
  await page.tabTo('Hermod');
  await page.press('Enter');
  await page.shows('1 dead letter waits for someone to decide');
  await keep('wrong');
  await page.tabTo('Queues');
  await page.press('Enter');
  await page.shows('handled twice');
  expect(await page.text()).not.toMatch(/424242|447700900130/);
  await hasNames();
  await keep('queues');
  const again = await page.evaluate<string>(`document.querySelector('.letter button.main').getAttribute('aria-label')`);
  await page.tabTo(again);
  await page.press('Enter');
  await page.shows('1 letter sent again.');
  await page.shows('There are none.');
  await until('it is at the SMSC', () => rig.smsc.received.some(({ dest }) => dest.addr === '447700900130'));

  // And home.
  await page.tabTo('Log out');
  await page.press('Enter');
  await page.shows('Log in');
  await page.open(`${console_.url}/messages`);
  await page.shows('Log in');
  const refused = /status of 401/;
  expect(page.faults.filter((fault) => !refused.test(fault))).toEqual([]);
}, 60_000);
