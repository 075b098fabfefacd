// How fast the console is over many messages, and what it costs: 20,000 in the suite, 1,000,000 with HERMOD_FULL=1, which
// prints the figures and holds them to what deploy/docs/console.md says.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { fillLedger } from '../load/ledger.ts';
import { type Chromium, startChromium } from '../peers/chromium.ts';
import { type Console, startConsole, type Visitor, visitor } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const FULL = process.env.HERMOD_FULL === '1';
const COUNT = FULL ? 1_000_000 : 20_000;
const ROUNDS = FULL ? 40 : 3;
const PAINT_MS = 1_000;
const SEARCH_MS = 300;
const LOAD = { perSecond: FULL ? 1_000 : 100, seconds: FULL ? 30 : 2 };
const SHARE = 0.02;

let rig: Rig;
let console_: Console;
let chromium: Chromium;
let admin: Visitor;
beforeAll(async () => {
  const port = await freePort();
  const users = { admin: { password: await hashPassword('right'), role: 'admin' } };
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp],
    settings: (standard) => ({ ...standard, listen: { ...standard.listen, console: { port } }, console: { users } }),
  });
  await rig.stopServices();
  await fillLedger(rig.dir, COUNT);
  await rig.startServices();
  [console_, chromium] = await Promise.all([startConsole(rig, port), startChromium()]);
  admin = visitor(console_.url);
  await admin.post('/api/login', { user: 'admin', password: 'right' });
  const [name = '', value = ''] = admin.cookie().split(';')[0]!.split('=');
  await chromium.page.context().addCookies([{ name, value, url: console_.url }]);
}, 1_800_000);
afterAll(async () => {
  await chromium?.stop();
  await console_?.stop();
  await rig?.stop();
});

const say = (line: string) => FULL && process.stderr.write(`${line}\n`);
/** Of one hundred, so many are faster. */
const percentile = (times: number[], part: number) =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))]!;
const rounded = (ms: number) => Math.round(ms);

test('Messages is there soon', async () => {
  const { page } = chromium;
  const times: number[] = [];
  for (let i = 0; i < (FULL ? 10 : 2); i++) {
    const start = performance.now();
    await page.goto(`${console_.url}/messages`, { waitUntil: 'commit' });
    await page.locator('main tbody tr').first().waitFor();
    times.push(performance.now() - start);
  }
  say(`Messages over ${COUNT} messages: first rows after ${times.map(rounded)} ms`);
  expect(await page.locator('main tbody tr').count()).toBe(50);
  if (FULL) expect(percentile(times, 0.5)).toBeLessThan(PAINT_MS);
}, 120_000);

test('searches', async () => {
  const number = () => `4477${String(Math.floor(Math.random() * COUNT)).padStart(8, '0')}`;
  const newest = (await admin.get('/api/messages?hours=24')).body.messages as { id: string }[];
  const kinds: Record<string, () => string> = {
    'the newest': () => '/api/messages?hours=24',
    id: () => `/api/messages/${newest[Math.floor(Math.random() * newest.length)]!.id}`,
    'whole number': () => `/api/messages?number=${number()}`,
    'last six digits': () => `/api/messages?number=${number().slice(-6)}`,
    'last three digits': () => `/api/messages?number=${number().slice(-3)}`,
    'last four digits': () => `/api/messages?number=${number().slice(-4)}`,
    'a number that is not there': () => '/api/messages?number=4915112345678',
    client: () => '/api/messages?client=test',
    'client without any': () => '/api/messages?client=nobody',
    provider: () => '/api/messages?provider=main',
    'provider without any': () => '/api/messages?provider=nobody',
    state: () => '/api/messages?state=rejected',
    'state without any': () => '/api/messages?state=expired',
    time: () => `/api/messages?hours=${1 + Math.floor(Math.random() * 23)}`,
    'state, client and time': () => '/api/messages?state=failed&client=test&hours=12',
  };
  for (const [kind, path] of Object.entries(kinds)) {
    const times: number[] = [];
    const whole: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const first = path();
      const start = performance.now();
      for (let next: string | undefined = first; next; ) {
        const before = performance.now();
        const { status, body } = await admin.get(next);
        times.push(performance.now() - before);
        expect(status, kind).toBe(200);
        // As the page does: it goes on by itself where there was no time for more.
        next = body.lookedBackTo ? `${first}&before=${body.next}` : undefined;
      }
      whole.push(performance.now() - start);
    }
    const figures = [percentile(times, 0.5), percentile(times, 0.95), percentile(whole, 0.95)].map(rounded);
    say(`${kind}: ${figures[0]} ms median, ${figures[1]} ms p95; to its end ${figures[2]} ms p95`);
    if (FULL) expect(percentile(times, 0.95), kind).toBeLessThan(SEARCH_MS);
  }
}, 600_000);

/** CPU seconds of a process until now, proc(5). */
function cpuOf(pid: number | 'self'): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

test('what it costs while someone watches', async () => {
  await chromium.page.goto(`${console_.url}/`);
  await chromium.shows('Latest messages', 20_000);
  const measured = async (pid: number) => {
    const [own, console0] = [cpuOf('self'), cpuOf(pid)];
    const accepted = await sendAtRate(LOAD.perSecond, LOAD.seconds);
    return { accepted, gateway: cpuOf('self') - own, console: cpuOf(pid) - console0 };
  };
  const watched = await measured(console_.pid);
  const share = watched.console / watched.gateway;
  say(
    `${LOAD.perSecond}/s for ${LOAD.seconds} s, one browser at Now: ${JSON.stringify(watched)}, ${(100 * share).toFixed(2)} %`,
  );
  expect(watched.accepted).toBe(LOAD.perSecond * LOAD.seconds);
  const open = async () => (await admin.get('/api/messages?hours=1&state=accepted')).body.messages as unknown[];
  await until('all have ended', async () => (await open()).length === 0, 60_000);
  if (FULL) expect(share).toBeLessThan(SHARE);
}, 300_000);

/** At an even rate, whatever the answers take. Returns how many were accepted. */
async function sendAtRate(perSecond: number, seconds: number): Promise<number> {
  const EVERY_MS = 20;
  const start = performance.now();
  const answers: Promise<{ status: number }>[] = [];
  while (answers.length < perSecond * seconds) {
    const due = Math.min(perSecond * seconds, ((performance.now() - start) / 1_000) * perSecond);
    while (answers.length < due) answers.push(rig.send({ to: '447700900123', text: 'load' }));
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  return (await Promise.all(answers)).filter(({ status }) => status === 202).length;
}
