// Octets to PDUs: cutting the stream, and reading a PDU that may say anything about itself.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MOST_PDU_OCTETS, readPdu, STATUS, statusName } from '#shared/smpp/library.ts';
import { Frames } from '../../../services/ingress-smpp/frames.ts';
import { readSubmit } from '../../../services/sandbox/pdu.ts';
import { bindBody, id, pdu, type SubmitFields, submitBody, tlv } from '../../peers/esme.ts';

const drain = (frames: Frames) => {
  const all: Buffer[] = [];
  for (let frame = frames.shift(); frame; frame = frames.shift()) all.push(frame);
  return all;
};
const lengthOnly = (length: number) => {
  const octets = Buffer.alloc(16);
  octets.writeUInt32BE(length, 0);
  return octets;
};

describe('frames', () => {
  const frame = fc.uint8Array({ maxLength: 300 }).map((body) => pdu(id.submit_sm, 1, Buffer.from(body)));

  test('however the stream is cut into pieces, the same PDUs come out', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (pdus, cuts) => {
        const stream = Buffer.concat(pdus);
        const frames = new Frames(MOST_PDU_OCTETS);
        const got: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts.length > 0 ? cuts[i % cuts.length]! : stream.length;
          frames.push(stream.subarray(at, at + size));
          at += size;
          if (i % 2 === 0) got.push(...drain(frames));
        }
        got.push(...drain(frames));
        expect(got).toEqual(pdus);
        expect(frames).toMatchObject({ broken: false, waiting: 0 });
      }),
    );
  });

  // Were such a length taken for true, the reading would have to end all the same: a step without an octet is its last.
  test.each([0, 1, 2, 3, 4, 5, 15, 1_025, 0x7fffffff, 0xffffffff])(
    'a command_length of %d ends the reading',
    (length) => {
      for (const step of [1, 3, 16]) {
        const frames = new Frames(1_024);
        const whole = pdu(id.enquire_link, 7);
        const stream = Buffer.concat([whole, lengthOnly(length), whole]);
        for (let at = 0; at < stream.length; at += step) frames.push(stream.subarray(at, at + step));
        expect(drain(frames)).toEqual([whole]);
        expect(frames.broken).toBe(true);
      }
    },
  );

  test('a PDU of the greatest length passes, and what waits is counted', () => {
    const frames = new Frames(1_024);
    const long = pdu(id.submit_sm, 1, Buffer.alloc(1_008));
    frames.push(Buffer.concat([long, long]));
    expect(frames.waiting).toBe(2_048);
    expect(drain(frames)).toHaveLength(2);
    expect(frames.waiting).toBe(0);
  });
});

describe('readPdu', () => {
  const octets = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
  const commands = [
    id.submit_sm,
    id.submit_multi,
    id.query_sm,
    id.cancel_sm,
    id.bind_receiver,
    id.bind_transmitter,
    id.bind_transceiver,
  ];

  test('random bodies give a PDU or a status, and never an exception', () => {
    fc.assert(
      fc.property(fc.constantFrom(...commands), octets, (command, body) => {
        const read = readPdu(pdu(command, 1, body));
        if (typeof read === 'number') expect(statusName(read)).toMatch(/^ESME_RINV(CMDLEN|MSGLEN|TLVSTREAM|TLVLEN)$/);
        else expect(read.sequence_number).toBe(1);
      }),
      { numRuns: 2_000 },
    );
  });

  const address = fc.record({
    ton: fc.integer({ min: 0, max: 255 }),
    npi: fc.integer({ min: 0, max: 255 }),
    addr: fc.stringMatching(/^[ -~]{1,20}$/),
  });
  const small = fc.integer({ min: 0, max: 255 });
  const submit: fc.Arbitrary<SubmitFields> = fc.record({
    serviceType: fc.stringMatching(/^[A-Z]{0,5}$/),
    source: address,
    dest: address,
    esmClass: small,
    protocolId: small,
    priority: small,
    schedule: fc.constantFrom('', '260101120000000+', '000000010000000R'),
    validity: fc.constantFrom('', '000001000000000R'),
    registered: small,
    replace: small,
    coding: small,
    defaultMessage: small,
    message: fc.uint8Array({ maxLength: 254 }).map((array) => Buffer.from(array)),
    tlvs: fc.array(
      fc
        .tuple(fc.integer({ min: 0x1400, max: 0x3fff }), fc.uint8Array({ maxLength: 40 }))
        .map(([number, value]) => tlv(number, Buffer.from(value))),
      { maxLength: 3 },
    ),
  });

  test('a submit_sm is read as by a second codec, octet for octet', () => {
    fc.assert(
      fc.property(submit, (fields) => {
        const body = submitBody(fields);
        const theirs = readSubmit(body, 0, body.length);
        expect(readPdu(pdu(id.submit_sm, 9, body))).toMatchObject({
          command: 'submit_sm',
          sequence_number: 9,
          service_type: theirs.serviceType,
          source_addr_ton: theirs.source.ton,
          source_addr_npi: theirs.source.npi,
          source_addr: theirs.source.addr,
          dest_addr_ton: theirs.dest.ton,
          dest_addr_npi: theirs.dest.npi,
          destination_addr: theirs.dest.addr,
          esm_class: theirs.esmClass,
          priority_flag: theirs.priorityFlag,
          schedule_delivery_time: theirs.scheduleDeliveryTime,
          validity_period: theirs.validityPeriod,
          registered_delivery: theirs.registeredDelivery,
          data_coding: theirs.dataCoding,
          short_message: theirs.shortMessage,
        });
      }),
    );
  });

  test('every cut of a submit_sm is told from the whole', () => {
    const body = submitBody({ tlvs: [tlv(0x20c, Buffer.of(0, 7))] });
    expect(readPdu(pdu(id.submit_sm, 1, body))).toMatchObject({ sar_msg_ref_num: 7 });
    const withoutTlv = body.length - 6;
    for (let end = 0; end < body.length; end++) {
      const read = readPdu(pdu(id.submit_sm, 1, body.subarray(0, end)));
      expect(typeof read, `cut to ${end} octets`).toBe(end === withoutTlv ? 'object' : 'number');
    }
  });

  test.each([
    [
      'sm_length beyond the end',
      Buffer.concat([submitBody({ message: Buffer.alloc(0) }).subarray(0, -1), Buffer.of(9)]),
    ],
    ['a parameter beyond the end', submitBody({ tlvs: [Buffer.of(4, 0x24, 0xff, 0xff, 1)] })],
    ['a number of the wrong size', submitBody({ tlvs: [tlv(0x20c, Buffer.of(1))] })],
    ['half a parameter', submitBody({ tlvs: [Buffer.of(4, 0x24)] })],
  ])('%s is refused', (_case, body) => {
    expect(readPdu(pdu(id.submit_sm, 1, body))).toBeTypeOf('number');
  });

  test('names and passwords longer than the specification has them are read', () => {
    const body = bindBody({ systemId: 'a-client-with-a-long-name', password: 'a password of 32 characters ....' });
    expect(readPdu(pdu(id.bind_transmitter, 1, body))).toMatchObject({
      system_id: 'a-client-with-a-long-name',
      password: 'a password of 32 characters ....',
    });
    expect(readPdu(pdu(id.bind_transmitter, 1, body.subarray(0, -8)))).toBe(STATUS.RINVCMDLEN);
  });
});
