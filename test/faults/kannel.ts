// The same faults at Debian's Kannel, so that a reader sees what the promises are worth: the same load, SMSC and receiver of
// callbacks; bearerbox with each of its stores. Kannel keeps no final states, and nothing is asserted about it.
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { type Kannel, startKannel } from '../peers/kannel.ts';
import { httpDoor, startClient } from './client.ts';
import type { FaultCase } from './matrix.ts';
import { startReceiver } from './receiver.ts';
import { Recipients } from './recipients.ts';
import { WINDOW } from './stand.ts';
import { type Ground, settle } from './tally.ts';

export const STORES = ['none', 'file', 'spool'] as const;
export type Store = (typeof STORES)[number];

const CORE: Record<Store, string> = {
  none: '',
  file: 'store-type = file\nstore-location = DIR/kannel.store\nstore-dump-freq = 1',
  spool: 'store-type = spool\nstore-location = DIR',
};
const SMPP = `transceiver-mode = true\nmax-pending-submits = ${WINDOW}\nenquire-link-interval = 5\nwait-ack = 3`;
/** What Kannel is not done with by then, it has lost or holds on to. */
const SETTLES_WITHIN_MS = 20_000;
const RBINDFAIL = 0x0d;
const pause = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));

export type KannelGround = Ground & { smsc: Smsc; kannel: Kannel; stop(): Promise<void> };

export async function startKannelGround(store: Store): Promise<KannelGround> {
  const recipients = new Recipients();
  const smsc = await startSmsc({ keep: 1_000, receipts: { afterMs: 50 } });
  smsc.onSubmit(({ dest, commandStatus }) => commandStatus === 0 && recipients.arrive(dest.addr));
  const receiver = await startReceiver((to) => recipients.tell(to));
  const kannel = await startKannel(
    smsc.port,
    { name: 'hermod', password: 'secret' },
    { smpp: SMPP, core: `sms-resend-freq = 1\n${CORE[store]}` },
  );
  const port = Number(new URL(kannel.url).port);
  const client = startClient([httpDoor(port, { systemId: 'test', password: 'test' }, receiver)], recipients);
  return {
    smsc,
    kannel,
    client,
    recipients,
    binds: () => smsc.binds().max,
    settle: (from, since, ms) => settle(recipients, undefined, { from, since, ms: Math.min(ms, SETTLES_WITHIN_MS) }),
    async stop() {
      client.stop();
      await kannel.stop();
      await smsc.stop();
      receiver.stop();
    },
  };
}

const downFor =
  (during: (ground: KannelGround) => Promise<unknown>): FaultCase<KannelGround>['fault'] =>
  async (ground) => {
    ground.smsc.set({ refuseBinds: RBINDFAIL });
    ground.smsc.dropAll();
    await during(ground);
    ground.smsc.set({ refuseBinds: 0 });
  };

const KILLED: readonly FaultCase<KannelGround>[] = [
  { name: 'bearerbox is killed', fault: ({ kannel }) => kannel.kill() },
  {
    name: 'the SMSC is down for a while, and bearerbox is killed meanwhile',
    fault: downFor(async ({ kannel }) => {
      await pause(5_000);
      await kannel.kill({ bound: false });
      await pause(5_000);
    }),
  },
];

/** With its file store Kannel meets the faults of the SMSC too. */
export const kannelCases = (store: Store): readonly FaultCase<KannelGround>[] =>
  store !== 'file'
    ? KILLED
    : [
        ...KILLED,
        { name: 'the SMSC is down for a while', fault: downFor(() => pause(15_000)) },
        {
          name: 'the SMSC throttles every tenth submit_sm',
          async fault({ smsc }) {
            smsc.set({ throttleShare: 0.1 });
            await pause(1_000);
            smsc.set({ throttleShare: 0 });
          },
        },
        { name: 'the SMSC never answers 20 submit_sm', fault: async ({ smsc }) => smsc.set({ silentNext: 20 }) },
      ];
