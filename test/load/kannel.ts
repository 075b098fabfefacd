// Kannel 1.4.5 as the system under test, as an installation has it: an access log for each message, everything but debug
// lines in its own log, one SMPP transceiver without a limit of throughput, and all that is not named as by default.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Kannel, startKannel } from '../peers/kannel.ts';
import { ACCOUNT } from './smsc.ts';
import type { System } from './system.ts';

/** Where bearerbox keeps what it has accepted: in memory alone, in one file, or in a file for each message. */
export const STORES = ['none', 'file', 'spool'] as const;
export type Store = (typeof STORES)[number];

/** In the project, so that its store is on the disk that an installation would use: /tmp may be memory. */
const VAR = resolve(import.meta.dirname, '../../var');

export function kannel(store: Store, options: { smscPort: number; window: number; accessLog: boolean }): System {
  const { smscPort, window, accessLog } = options;
  let running: Kannel | undefined;
  let starting: Promise<Kannel> | undefined;
  let dir = '';
  return {
    get url() {
      return `${running!.url}/cgi-bin/sendsms?username=test&password=test`;
    },
    smppPort: 0,
    get pids() {
      return new Map(Object.entries(running?.pids ?? {}));
    },
    async start() {
      mkdirSync(VAR, { recursive: true });
      dir = mkdtempSync(join(VAR, 'bench-'));
      const logs = (name: string) => ['log-level = 1', ...(accessLog ? [`access-log = ${dir}/${name}.access`] : [])];
      mkdirSync(join(dir, 'store'));
      const place = {
        none: [],
        file: [`store-location = ${dir}/store/file`],
        spool: [`store-location = ${dir}/store`],
      };
      const kept = store === 'none' ? [] : [`store-type = ${store}`, ...place[store]];
      starting = startKannel(
        smscPort,
        { name: ACCOUNT.systemId, password: ACCOUNT.password },
        {
          parent: dir,
          core: [...logs('bearerbox'), ...kept].join('\n'),
          smpp: `transceiver-mode = true\nmax-pending-submits = ${window}`,
          smsbox: logs('smsbox').join('\n'),
        },
      );
      running = await starting;
    },
    async stop() {
      await starting?.catch(() => {});
      await running?.stop();
      running = undefined;
      if (dir) rmSync(dir, { recursive: true, force: true });
    },
  };
}
