// Debian's Chromium, driven by Playwright: what a person at a browser with a keyboard sees and can do.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import axe from 'axe-core';
import { chromium, type Page } from 'playwright-core';
import { until } from '../rig/until.ts';
import { requireDebian } from './debian.ts';

const PROGRAM = '/usr/bin/chromium';
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'];
const MOST_TABS = 80;

export const DESKTOP = { width: 1_200, height: 800 };
export const PHONE = { width: 390, height: 844 };

export type Chromium = {
  page: Page;
  /** Width and colours, both of them of the same page. */
  view(size: typeof DESKTOP, colours: 'light' | 'dark'): Promise<void>;
  /** Waits until the page shows this as text. */
  shows(text: string | RegExp, ms?: number): Promise<void>;
  /** Goes with the tab key to the control that has this name, and no other way; then presses Enter, unless told otherwise. */
  tabTo(name: string): Promise<void>;
  press(name: string): Promise<void>;
  /** Writes a PNG of the whole page. */
  screenshot(file: string): Promise<void>;
  /** What axe finds serious or critical, one line each. */
  serious(): Promise<string[]>;
  /** Faults that the browser noted: exceptions, and what the Content-Security-Policy forbade. */
  faults: string[];
  stop(): Promise<void>;
};

/** Name of the focused element, as a screen reader says it, near enough. */
const FOCUSED = `(() => {
  const at = document.activeElement;
  return (at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '').trim();
})()`;

export async function startChromium(): Promise<Chromium> {
  requireDebian('chromium', PROGRAM);
  const browser = await chromium.launch({ executablePath: PROGRAM, args: ARGUMENTS });
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: 'light' });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (line) => {
    if (line.type() === 'error') faults.push(`${line.text()} ${line.location().url}`);
  });
  const self: Chromium = {
    page,
    faults,
    async view(size, colorScheme) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme });
    },
    async shows(wanted, ms) {
      let shown = '';
      const look = async () => {
        shown = await page.innerText('body');
        return typeof wanted === 'string' ? shown.includes(wanted) : wanted.test(shown);
      };
      await until(`the page shows ${wanted}`, look, ms).catch((error) => {
        throw new Error(`${error.message}; it shows: ${shown}`);
      });
    },
    async tabTo(name) {
      for (let i = 0; i < MOST_TABS; i++) {
        if ((await page.evaluate(FOCUSED)) === name) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`the tab key does not come to ${name}; the page shows: ${await page.innerText('body')}`);
    },
    async press(name) {
      await self.tabTo(name);
      await page.keyboard.press('Enter');
    },
    async screenshot(file) {
      mkdirSync(dirname(file), { recursive: true });
      await page.screenshot({ path: file, fullPage: true });
    },
    /** In a world of its own, to which the page's Content-Security-Policy does not speak: the page stays as it is. */
    async serious() {
      const session = await context.newCDPSession(page);
      try {
        const { frameTree } = await session.send('Page.getFrameTree');
        const world = { frameId: frameTree.frame.id, worldName: 'axe' };
        const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', world);
        const run = `${axe.source}; axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
          violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).flatMap(({ id, nodes }) =>
            nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`;
        const evaluated = { expression: run, contextId, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await session.send('Runtime.evaluate', evaluated);
        if (exceptionDetails)
          throw new Error(`axe: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
        return result.value as string[];
      } finally {
        await session.detach();
      }
    },
    stop: () => browser.close(),
  };
  return self;
}
