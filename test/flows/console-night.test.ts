// The story of a night on call, at a real browser and with the keyboard alone. Someone paused the only provider in the
// afternoon and went home, a message broke a service twice and lies among the dead letters, and a client has used up its
// quota of the day. Each is found from the first page, and put right.
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { newId } from '#shared/messages/id.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type Chromium, DESKTOP, PHONE, startChromium } from '../peers/chromium.ts';
import { type Console, putAside, startConsole, visitor } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SCREENS = resolve(import.meta.dirname, '../../var/console');
const ENTRY = 'the-token-of-a-night-on-call';
const DAY_MS = 86_400_000;
const SOMEONE = '447700900123';
const ANOTHER = '447700900130';

let rig: Rig;
let console_: Console;
let chromium: Chromium;
beforeAll(async () => {
  const port = await freePort();
  const day = { password: await hashPassword('afternoon'), role: 'operator' };
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, notifier],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, console: { port } },
      clients: { tester: { ...(standard.clients.tester as object), dailyQuota: 1 } },
      console: { users: { day } },
    }),
  });
  [console_, chromium] = await Promise.all([startConsole(rig, port, ENTRY), startChromium()]);
}, 60_000);
afterAll(async () => {
  await chromium?.stop();
  await console_?.stop();
  await rig?.stop();
});

/** Desktop light and phone dark; nothing may stick out at the side. */
async function keep(name: string): Promise<void> {
  const { page } = chromium;
  for (const [where, size, colours] of [
    ['desktop', DESKTOP, 'light'],
    ['phone', PHONE, 'dark'],
  ] as const) {
    await chromium.view(size, colours);
    await until(`${name} fits at ${where}`, () =>
      page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
    );
    await chromium.screenshot(resolve(SCREENS, `night-${name}-${where}.png`));
  }
  await chromium.view(DESKTOP, 'light');
}

const send = () => rig.send({ to: SOMEONE, text: 'the code is 424242', 'dlr-mask': '31' });

async function goTo(name: string): Promise<void> {
  await chromium.tabTo(name);
  await chromium.page.keyboard.press('Enter');
}

test('a stopped provider, a dead letter and a rejected client are found and put right', async () => {
  const { page } = chromium;
  await until(
    'the day, and with it the quota, does not end just now',
    () => Date.now() % DAY_MS < DAY_MS - 60_000,
    70_000,
  );

  // In the afternoon someone pauses the provider, and forgets it.
  const day = visitor(console_.url);
  expect((await day.post('/api/login', { user: 'day', password: 'afternoon' })).status).toBe(200);
  expect((await day.post('/api/providers/sandbox/pause')).status).toBe(200);
  await until('it is paused', async () => {
    const { providers } = (await day.get('/api/now')).body as { providers: { state: string }[] };
    return providers[0]!.state === 'paused';
  });

  // In the night a code goes nowhere, a message breaks a service, and a client is turned away.
  const [waiting = ''] = (await send()).ids;
  await putAside(rig, newId(), ANOTHER);
  expect((await send()).status).toBe(503);

  // 03:12. The first page says what is wrong.
  await chromium.view(DESKTOP, 'light');
  await page.goto(`${console_.url}/#enter=${ENTRY}`);
  await chromium.shows(/sandbox is paused/, 20_000);
  await chromium.shows('1 dead letter waits for someone to decide');
  await chromium.shows(/Wrong\s+Client tester was refused once at the http door/);
  await keep('now');

  // Who paused it, and when? Then the provider takes messages again, and the code arrives after all.
  await goTo('Configuration');
  await chromium.shows(/day: pause provider sandbox/);
  await chromium.shows('The file is right, and everything that runs was started with it.');
  await keep('configuration');
  await goTo('Providers');
  await chromium.shows(/^Resume$/m);
  await goTo('Resume sandbox');
  await chromium.shows('sandbox takes messages again.');
  expect((await rig.final(waiting, 30_000)).state).toBe('delivered');

  // Is it really well? A test message says so.
  await chromium.shows(/^Test$/m);
  await goTo('Test sandbox');
  await chromium.tabTo('Number');
  await page.keyboard.type(`+${SOMEONE}`);
  await goTo('Send');
  await chromium.shows('Accepted in');
  await keep('test');
  await page.keyboard.press('Escape');
  await keep('providers');

  // The dead letter is sent again: its text is hidden also from who decides.
  await goTo('Queues');
  await chromium.shows('handled twice');
  expect(await page.innerText('body')).not.toMatch(/the code is|Your code|447700900130/);
  await keep('queues');
  const again = await page.evaluate<string>(`document.querySelector('.letter button.main').getAttribute('aria-label')`);
  await goTo(again);
  await chromium.shows('There are none.');
  await until('it is at the SMSC', () => rig.smsc.received.some(({ dest }) => dest.addr === ANOTHER));

  // The client: why it was refused, and it may send again.
  await goTo('Clients');
  await chromium.shows(/tester: [\s\S]*once at the http door from 127\.0\.0\.1[\s\S]*clients\.tester\.dailyQuota/);
  await keep('clients');
  await goTo('Let tester send again');
  await chromium.shows('tester may send again');
  const [id = ''] = (await send()).ids;
  expect((await rig.final(id)).state).toBe('delivered');

  // The person who waited for the code is looked up by number.
  await goTo('Numbers');
  await chromium.tabTo('Whole number, with country code');
  await page.keyboard.type(`+${SOMEONE}`);
  await page.keyboard.press('Enter');
  await chromium.shows(/4477\.\.23[\s\S]*delivered/);
  await keep('numbers');

  // Back to sleep: what is left is a note that it was put right.
  await goTo('Now');
  await chromium.shows(/it was let in since/, 20_000);
  expect(await page.innerText('body')).not.toMatch(/^Wrong$/m);
  await keep('well');

  // In the morning everyone can read what was done, and by whom.
  await goTo('Audit');
  for (const deed of ['resume', 'try', 'send again', 'clear the counts']) await chromium.shows(deed);
  expect(chromium.faults).toEqual([]);
}, 200_000);
