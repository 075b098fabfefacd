// A hostile SMSC: PDUs whose lengths lie, bodies that end early, texts that are half a character. The link ends with a reason
// or goes on; the worker lives in either case.
import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import type { PDU } from 'smpp';
import { afterEach, expect, test } from 'vitest';
import { readPdu } from '#shared/smpp/library.ts';
import { smppBearer } from '../../../services/egress-smpp/bearer.ts';
import { incomingOf } from '../../../services/egress-smpp/incoming.ts';
import { receiptOf } from '../../../services/egress-smpp/receipts.ts';
import { id, octet, pdu, RESPONSE, submitBody, text, tlv } from '../../peers/esme.ts';
import { bearerOf, openBearer, sms } from '../../rig/bearer.ts';
import { until } from '../../rig/until.ts';

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

/** Binds whoever comes, then says `octets`; submit_sm are taken. */
async function smscSaying(octets: Buffer): Promise<number> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (let at = 0; at + 16 <= data.length; at += data.readUInt32BE(at)) {
        const [command, sequence] = [data.readUInt32BE(at + 4), data.readUInt32BE(at + 12)];
        if (command === id.bind_transceiver) {
          socket.write(Buffer.concat([pdu(command | RESPONSE, sequence, text('smsc')), octets]));
        } else if (command === id.submit_sm) socket.write(pdu(command | RESPONSE, sequence, text('id-1')));
        else if (command < RESPONSE) socket.write(pdu(command | RESPONSE, sequence));
      }
    });
  });
  await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
  return (server!.address() as { port: number }).port;
}

const row = (port: number) =>
  ({ bearer: 'smpp', host: '127.0.0.1', port, systemId: 'a', password: 'b', enquireLink: '1s' }) as const;
const length = (value: number) => {
  const head = pdu(id.deliver_sm, 1);
  head.writeUInt32BE(value, 0);
  return head;
};

test.each([
  ['none', 0],
  ['less than itself', 3],
  ['its own four octets', 4],
  ['half a header', 9],
  ['a header but for an octet', 15],
  ['2 GB', 0x7fffffff],
  ['4 GB', 0xffffffff],
])('a command_length of %s ends the link with a reason', async (_name, value) => {
  const port = await smscSaying(Buffer.concat([length(value), Buffer.alloc(64)]));
  const opened = await openBearer(bearerOf(smppBearer, row(port)));
  expect(await until('the link is over', () => opened.ended(), 15_000)).toMatch(/\w/);
});

test('bodies that end early, and optional parameters that lie, take nothing with them', async () => {
  const whole = submitBody({ esmClass: 4, message: Buffer.from('id:1 stat:DELIVRD err:000') });
  const cuts = Array.from({ length: whole.length }, (_, n) => pdu(id.deliver_sm, n + 1, whole.subarray(0, n)));
  const lying = [tlv(0x001e, Buffer.alloc(0)), Buffer.of(0, 0x1e, 0xff, 0xff), Buffer.of(4, 0x27, 0, 9, 1)];
  for (const octets of [...lying.map((one) => pdu(id.deliver_sm, 9, Buffer.concat([whole, one]))), ...cuts]) {
    for (const data of [octets, octets.subarray(0, 16)]) {
      const read = readPdu(data);
      if (typeof read !== 'number') expect(() => receiptOf(read, 'p', 0) ?? incomingOf(read, 'p', 0)).not.toThrow();
    }
  }
});

/** As the package reads a deliver_sm from the line, where nothing is checked beforehand. */
const delivered = (body: Buffer): PDU | undefined => {
  const read = readPdu(pdu(id.deliver_sm, 1, body));
  return typeof read === 'number' ? undefined : read;
};

test('a receipt in UCS-2 with an odd number of octets is read as far as it goes', () => {
  const words = Buffer.from('id:7 stat:DELIVRD err:000', 'utf16le').swap16();
  const body = submitBody({ esmClass: 4, coding: 8, message: Buffer.concat([words, octet(0)]) });
  expect(receiptOf(delivered(body)!, 'p', 0)).toMatchObject({ providerId: '7', state: 'delivered' });
});

test('whatever a deliver_sm says, it is a receipt, a message or neither, and nothing is thrown', () => {
  const message = fc.uint8Array({ maxLength: 140 }).map((octets) => Buffer.from(octets));
  const anyOctet = fc.nat(255);
  const tlvs = fc.array(fc.tuple(fc.constantFrom(0x1e, 0x427, 0x423, 0x424, 0x20c, 0x20e, 0x20f, 7), message), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(message, anyOctet, anyOctet, tlvs, (octets, esmClass, coding, more) => {
      const body = submitBody({ esmClass, coding, message: octets, tlvs: more.map(([tag, value]) => tlv(tag, value)) });
      const read = delivered(body);
      if (read) expect(() => receiptOf(read, 'p', 0) ?? incomingOf(read, 'p', 0)).not.toThrow();
    }),
    { numRuns: 2_000 },
  );
});

test('the link of an SMSC that talks nonsense between its answers still carries messages', async () => {
  const nonsense = [pdu(0x7777, 1), pdu(id.submit_sm | RESPONSE, 999), pdu(id.generic_nack, 5), pdu(id.query_sm, 3)];
  const port = await smscSaying(Buffer.concat(nonsense));
  const opened = await openBearer(bearerOf(smppBearer, row(port)));
  expect(await opened.handOver(sms())).toMatchObject({ kind: 'done' });
  await opened.close();
});
