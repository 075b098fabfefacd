// A modem at its worst: it hangs every 20 minutes, at one point of a hand-over after the other, and is pulled out and put
// in again under another name. Its clock is its own, so that hours pass in seconds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registry } from '#shared/telemetry/metrics.ts';
import { egressModem } from '../../services/egress-modem/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { Modem } from '../peers/modem/modem.ts';
import { type Plugged, plug, point } from '../peers/modem/pty.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const ANSWER_MS = 1_500;
const NUMBER = '+447700900123';
const dir = mkdtempSync(join(tmpdir(), 'hermod-modem-'));
const BY_ID = join(dir, 'usb-stand-in');
const stick = new Modem({ submitMs: 3_700 });
let plugged: Plugged;
let tty = 0;
let rig: Rig;

/** Under the next name, as the kernel does it. */
async function plugIn(): Promise<void> {
  const path = join(dir, `ttyUSB${tty++}`);
  plugged = await plug(stick, path);
  point(BY_ID, path);
}

beforeAll(async () => {
  stick.onReset = () => void plugged.unplug().then(plugIn);
  await plugIn();
  const timeouts = { answerTimeout: `${ANSWER_MS}ms`, submitTimeout: `${ANSWER_MS}ms`, checkEvery: '1s' };
  rig = await startRig({
    services: [ledger, router, egressModem, ingressHttp],
    waitForBind: false,
    settings: (standard) => ({
      ...standard,
      providers: { stick: { bearer: 'modem', device: BY_ID, ...timeouts } },
      routes: [{ to: ['stick'] }],
    }),
  });
}, 60_000);

afterAll(async () => {
  await rig?.stop();
  await plugged.unplug();
  rmSync(dir, { recursive: true, force: true });
});

/** Messages that were sent again because their answer was lost. */
async function sentAgain(): Promise<number> {
  const text = await registry.getSingleMetricAsString('hermod_possible_repeats_total');
  return Number(/\{provider="stick",cause="no answer"\} (\S+)$/m.exec(text)?.[1] ?? 0);
}

/** What the settings here take off the standard ones: 20 s for a lost answer, 5 s for a command. */
const STANDARD_MORE_MS = 20_000 - ANSWER_MS + 5_000 - ANSWER_MS;

test('1,000 messages through a modem that hangs every 20 minutes and is pulled out once: none lost', async () => {
  stick.hangEvery(20 * 60_000);
  const silences: number[] = [];
  let hungAt = 0;
  stick.behaviour.answer = () => {
    if (hungAt > 0) silences.push(performance.now() - hungAt);
    hungAt = 0;
    return undefined;
  };
  const ids: string[] = [];
  for (let i = 0; i < 1_000; i += 50) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => rig.send({ to: NUMBER, text: `message ${i + n}` })),
    );
    ids.push(...answers.flatMap((answer) => answer.ids));
  }
  expect(ids).toHaveLength(1_000);
  let hangs = stick.hangs.length;
  let replugged = false;
  await until(
    'all were taken',
    async () => {
      if (stick.hangs.length > hangs) {
        hangs = stick.hangs.length;
        hungAt = performance.now();
      }
      if (!replugged && stick.taken.length > 500 && !stick.deaf) {
        replugged = true;
        await plugged.unplug();
        await plugIn();
      }
      return new Set(stick.taken.map(({ text }) => text)).size === 1_000;
    },
    120_000,
  );
  stick.hangEvery(Number.POSITIVE_INFINITY);
  for (const id of ids) expect((await rig.final(id)).state).toBe('sent');

  expect(stick.hangs).toEqual(['before the prompt', 'before it took the PDU', 'after it took the PDU']);
  // Sent twice were only those whose answer was lost behind their acceptance, and each is counted.
  const repeated = stick.taken.length - 1_000;
  const counted = await sentAgain();
  expect(repeated).toBeGreaterThanOrEqual(1);
  expect(repeated).toBeLessThanOrEqual(counted);
  expect(counted).toBeLessThanOrEqual(3);
  for (const silence of silences) expect(silence + STANDARD_MORE_MS).toBeLessThan(60_000);
  expect(silences).toHaveLength(3);
}, 150_000);
