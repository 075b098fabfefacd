// What the rig can do without a system between its ends: the generator against the least responder, and the SMSC fed with
// PDUs that were built before. A system's figure well below both is not the rig's.
import { connect } from 'node:net';
import { newPdu } from '#shared/smpp/library.ts';
import { NUMBER } from './generator.ts';
import { useOf } from './measure.ts';
import { startResponder } from './responder.ts';
import { now } from './rig.ts';
import type { Rigs } from './run.ts';
import { ACCOUNT, RECIPIENT_PREFIX } from './smsc.ts';

/** Per second, and CPU of the rig's process per message. */
export type Capacity = { name: string; perSecond: number; cpuUs: number };

const SECONDS = 2;
const MOST = 60_000 * SECONDS;
const WINDOW = 100;
const SUBMIT_SM_RESP = 0x8000_0004;
const DELIVER_SM = 5;
const DELIVER_SM_RESP = 0x8000_0005;

export async function capacityOf(rigs: Rigs, connections: number): Promise<Capacity[]> {
  return [await ofGenerator(rigs, connections), await ofSmsc(rigs, false), await ofSmsc(rigs, true)];
}

async function ofGenerator({ generator }: Rigs, connections: number): Promise<Capacity> {
  const { port, server } = await startResponder('202 Accepted');
  const target = `/cgi-bin/sendsms?to=${RECIPIENT_PREFIX}${NUMBER}&text=capacity`;
  const load = {
    host: '127.0.0.1',
    port,
    target,
    first: 0,
    connections,
    rate: undefined,
    most: MOST,
    seconds: SECONDS,
  };
  const before = useOf(generator.pid).cpuMs;
  const { answered, left } = await generator.ask('run', load);
  server.close();
  const cpuUs = ((useOf(generator.pid).cpuMs - before) * 1_000) / answered.length;
  const perSecond = (answered.length * 1_000) / (Math.max(...answered.slice(-connections)) - left[0]!);
  return { name: `load generator, ${connections} connections`, perSecond, cpuUs };
}

async function ofSmsc({ smsc, smscPort }: Rigs, receipts: boolean): Promise<Capacity> {
  await smsc.ask('begin', { first: 0, most: MOST });
  const before = useOf(smsc.pid).cpuMs;
  const startedAt = now();
  const count = await feed(smscPort, receipts);
  const perSecond = (count * 1_000) / (now() - startedAt);
  const cpuUs = ((useOf(smsc.pid).cpuMs - before) * 1_000) / count;
  return { name: receipts ? 'SMSC with receipts' : 'SMSC', perSecond, cpuUs };
}

/** Submits with a full window for SECONDS; resolves with the number of messages that were answered (and their receipts). */
function feed(port: number, receipts: boolean): Promise<number> {
  const bind = newPdu('bind_transceiver', { system_id: ACCOUNT.systemId, password: ACCOUNT.password }).toBuffer();
  const submit = newPdu('submit_sm', {
    source_addr: '12345',
    destination_addr: `${RECIPIENT_PREFIX}00000000`,
    registered_delivery: receipts ? 1 : 0,
    short_message: Buffer.from('capacity'),
  }).toBuffer();
  const lastDigit = submit.indexOf(`${RECIPIENT_PREFIX}00000000`) + 11;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const until = now() + SECONDS * 1_000;
    let [sequence, inFlight, answered, received] = [0, 0, 0, 0];
    let rest: Buffer = Buffer.alloc(0);

    function fill(out: Buffer[]): void {
      for (; inFlight < WINDOW && sequence < MOST && now() < until; inFlight++) {
        const pdu = Buffer.from(submit);
        pdu.writeUInt32BE(++sequence, 12);
        for (let number = sequence, at = lastDigit; number > 0; at--, number = Math.trunc(number / 10))
          pdu[at] = 48 + (number % 10);
        out.push(pdu);
      }
    }

    socket.on('data', (chunk) => {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const out: Buffer[] = [];
      let offset = 0;
      while (data.length - offset >= 16 && data.length - offset >= data.readUInt32BE(offset)) {
        const command = data.readUInt32BE(offset + 4);
        if (command === SUBMIT_SM_RESP) {
          inFlight--;
          answered++;
        } else if (command === DELIVER_SM) {
          received++;
          out.push(deliverSmResp(data.readUInt32BE(offset + 12)));
        }
        offset += data.readUInt32BE(offset);
      }
      rest = Buffer.from(data.subarray(offset));
      fill(out);
      if (out.length > 0) socket.write(Buffer.concat(out));
      if (inFlight > 0 || (receipts && received < answered)) return;
      socket.destroy();
      resolve(answered);
    });
    socket.on('error', reject);
    socket.write(bind);
  });
}

function deliverSmResp(sequence: number): Buffer {
  const pdu = Buffer.alloc(17); // header and an empty message_id
  pdu.writeUInt32BE(17, 0);
  pdu.writeUInt32BE(DELIVER_SM_RESP, 4);
  pdu.writeUInt32BE(sequence, 12);
  return pdu;
}
