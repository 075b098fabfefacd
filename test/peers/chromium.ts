// Debian's Chromium, driven over the DevTools protocol with Node's own WebSocket: what a person at a browser sees and can do.
// https://chromedevtools.github.io/devtools-protocol/
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { until } from '../rig/until.ts';
import { requireDebian } from './debian.ts';

const PROGRAM = '/usr/bin/chromium';
const ARGUMENTS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server'];
const MOST_TABS = 60;

export type View = { width: number; height: number; dark: boolean };

export type Page = {
  open(url: string): Promise<void>;
  view(view: View): Promise<void>;
  /** The value of a JavaScript expression. */
  evaluate<T>(expression: string): Promise<T>;
  /** Everything that the page shows as text. */
  text(): Promise<string>;
  /** Waits until the page shows this. */
  shows(text: string | RegExp, ms?: number): Promise<void>;
  /** Goes with the tab key to the control that has this name, and no other way. */
  tabTo(name: string): Promise<void>;
  type(text: string): Promise<void>;
  press(key: 'Enter' | 'Tab' | 'Escape'): Promise<void>;
  /** Writes a PNG of the whole page. */
  screenshot(file: string): Promise<void>;
  /** Faults that the browser noted: exceptions, and what the Content-Security-Policy forbade. */
  faults: string[];
};

export type Chromium = { page: Page; stop(): Promise<void> };

type Answer = { id?: number; method?: string; params?: never; result?: never; error?: { message: string } };

export async function startChromium(): Promise<Chromium> {
  requireDebian('chromium', PROGRAM);
  const dir = mkdtempSync(join(tmpdir(), 'hermod-chromium-'));
  const child = spawn(PROGRAM, [...ARGUMENTS, ...QUIET, '--remote-debugging-port=0', `--user-data-dir=${dir}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: dir },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const send = await connected(await address(child));
    return { page: await openPage(send), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function address(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  return until('Chromium listens', () => /DevTools listening on (ws:\S+)/.exec(said)?.[1], 20_000);
}

type Send = {
  <T = Record<string, never>>(method: string, params?: object): Promise<T>;
  on(method: string, hear: (params: never) => void): void;
  session?: string;
};

async function connected(url: string): Promise<Send> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  const listeners: { method: string; hear: (params: never) => void }[] = [];
  socket.addEventListener('message', ({ data }) => {
    const answer: Answer = JSON.parse(String(data));
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
    else for (const { method, hear } of listeners) if (method === answer.method) hear(answer.params!);
  });
  let id = 0;
  const send = ((method, params = {}) =>
    new Promise((resolve, reject) => {
      id++;
      waiting.set(id, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result!),
      );
      socket.send(JSON.stringify({ id, method, params, ...(send.session ? { sessionId: send.session } : {}) }));
    })) as Send;
  send.on = (method, hear) => void listeners.push({ method, hear });
  return send;
}

/** Name of the focused element, as a screen reader says it, near enough. */
const FOCUSED = `(() => {
  const at = document.activeElement;
  const label = at.id && document.querySelector('label[for="' + at.id + '"]');
  return (at.getAttribute('aria-label') ?? label?.textContent ?? at.textContent ?? '').trim();
})()`;

async function openPage(send: Send): Promise<Page> {
  const { targetId } = await send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
  send.session = sessionId;
  const faults: string[] = [];
  send.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }: never) =>
    faults.push(`${text} ${(exception as { description?: string })?.description ?? ''}`),
  );
  send.on('Log.entryAdded', ({ entry: { level, text, url } }: never) => {
    if (level === 'error' || /Content.Security/i.test(text)) faults.push(`${text} ${url ?? ''}`);
  });
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);

  async function evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await send<{ result: { value: T }; exceptionDetails?: { text: string } }>(
      'Runtime.evaluate',
      { expression, awaitPromise: true, returnByValue: true },
    );
    if (exceptionDetails) throw new Error(`${exceptionDetails.text}: ${expression}`);
    return result.value;
  }
  const text = () => evaluate<string>('document.body.innerText');
  async function press(key: 'Enter' | 'Tab' | 'Escape'): Promise<void> {
    const windowsVirtualKeyCode = { Enter: 13, Tab: 9, Escape: 27 }[key];
    const written = key === 'Enter' ? { text: '\r' } : {};
    await send('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, windowsVirtualKeyCode, ...written });
    await send('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, windowsVirtualKeyCode });
  }
  return {
    faults,
    evaluate,
    text,
    press,
    async open(url) {
      await send('Page.navigate', { url });
      await until(`${url} is loaded`, () => evaluate('document.readyState === "complete"'));
    },
    async view({ width, height, dark }) {
      const mobile = width < 600;
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
      const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
      await send('Emulation.setEmulatedMedia', { features });
    },
    async shows(wanted, ms) {
      let shown = '';
      const look = async () => {
        shown = await text();
        return typeof wanted === 'string' ? shown.includes(wanted) : wanted.test(shown);
      };
      await until(`the page shows ${wanted}`, look, ms).catch((error) => {
        throw new Error(`${error.message}; it shows: ${shown}`);
      });
    },
    async tabTo(name) {
      for (let i = 0; i < MOST_TABS; i++) {
        if ((await evaluate(FOCUSED)) === name) return;
        await press('Tab');
      }
      throw new Error(`the tab key does not come to ${name}; the page shows: ${await text()}`);
    },
    type: async (words) => void (await send('Input.insertText', { text: words })),
    async screenshot(file) {
      const { data } = await send<{ data: string }>('Page.captureScreenshot', { captureBeyondViewport: true });
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, Buffer.from(data, 'base64'));
    },
  };
}
