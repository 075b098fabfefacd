// What the rig can do without a system between its ends: the generator against the least responder, and the SMSC fed with
// PDUs that were built before. A system's figure well below both is not the rig's.
import { newPdu } from '#shared/smpp/library.ts';
import { NUMBER } from './callers.ts';
import type { Rigs } from './case.ts';
import { useOf } from './measure.ts';
import { startResponder } from './responder.ts';
import { now } from './rig.ts';
import { openSmppSession } from './smpp-session.ts';
import { ACCOUNT, RECIPIENT_PREFIX } from './smsc.ts';

/** Per second, and CPU of the rig's process per message. */
export type Capacity = { name: string; perSecond: number; cpuUs: number };

const SECONDS = 1;
const MOST = 60_000 * SECONDS;
const WINDOW = 100;

export async function capacityOf(rigs: Rigs, connections: number): Promise<Capacity[]> {
  return [await ofGenerator(rigs, connections), await ofSmsc(rigs, false), await ofSmsc(rigs, true)];
}

async function ofGenerator({ generator }: Rigs, connections: number): Promise<Capacity> {
  const { port, server } = await startResponder('202 Accepted');
  const target = `/cgi-bin/sendsms?to=${RECIPIENT_PREFIX}${NUMBER}&text=capacity`;
  const load = {
    door: 'http',
    account: ACCOUNT,
    text: '',
    receipts: false,
    host: '127.0.0.1',
    port,
    target,
    first: 0,
    connections,
    rate: undefined,
    most: MOST,
    seconds: SECONDS,
  } as const;
  const before = useOf(generator.pid).cpuMs;
  const { answered, left } = await generator.ask('run', load);
  server.close();
  const cpuUs = ((useOf(generator.pid).cpuMs - before) * 1_000) / answered.length;
  const perSecond = (answered.length * 1_000) / (Math.max(...answered.slice(-connections)) - left[0]!);
  return { name: `load generator, ${connections} connections`, perSecond, cpuUs };
}

async function ofSmsc({ smsc, smscPort }: Rigs, receipts: boolean): Promise<Capacity> {
  await smsc.ask('begin', { first: 0, most: MOST, behaviour: {}, closed: false });
  const before = useOf(smsc.pid).cpuMs;
  const startedAt = now();
  const count = await feed(smscPort, receipts);
  const perSecond = (count * 1_000) / (now() - startedAt);
  const cpuUs = ((useOf(smsc.pid).cpuMs - before) * 1_000) / count;
  return { name: receipts ? 'SMSC with receipts' : 'SMSC', perSecond, cpuUs };
}

/** Submits with a full window for SECONDS; resolves with the number of messages that were answered (and their receipts). */
async function feed(port: number, receipts: boolean): Promise<number> {
  const submit = newPdu('submit_sm', {
    source_addr: '12345',
    destination_addr: `${RECIPIENT_PREFIX}00000000`,
    registered_delivery: receipts ? 1 : 0,
    short_message: Buffer.from('capacity'),
  }).toBuffer();
  const until = now() + SECONDS * 1_000;
  let [sequence, answered, received] = [0, 0, 0];
  let over = (_count: number) => {};
  let fail = (_error: Error) => {};
  const session = await openSmppSession(port, ACCOUNT, {
    answered() {
      answered++;
      next();
    },
    delivered() {
      received++;
      next();
    },
    broken: (reason) => fail(new Error(`the SMSC of the rig: ${reason}`)),
  });

  function next(): void {
    for (; sequence - answered < WINDOW && sequence < MOST && now() < until; ) {
      const pdu = Buffer.from(submit);
      pdu.writeUInt32BE(++sequence, 12);
      session.send(pdu);
    }
    if (sequence === answered && (!receipts || received >= answered)) over(answered);
  }

  const count = await new Promise<number>((resolve, reject) => {
    over = resolve;
    fail = reject;
    next();
  });
  session.close();
  return count;
}
