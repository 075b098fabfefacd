// SMPP 3.4 on the wire, as much of it as an SMSC stand-in needs. It is a second reading of the specification, written
// without the package that the gateway uses, so that a mistake made there shows here. It works on raw buffers, in one
// pass, because a stand-in must never be the slowest part of a measurement.

/** command_id values (SMPP 3.4, 5.1.2.1). A response has the same number with the top bit set. */
export const command = {
  bind_receiver: 0x1,
  bind_transmitter: 0x2,
  submit_sm: 0x4,
  deliver_sm: 0x5,
  unbind: 0x6,
  bind_transceiver: 0x9,
  enquire_link: 0x15,
  generic_nack: 0x80000000,
} as const;

export const RESPONSE_BIT = 0x80000000;

/** command_status values (SMPP 3.4, 5.1.3) that this SMSC gives of its own accord. */
export const status = {
  ESME_ROK: 0x0,
  ESME_RINVMSGLEN: 0x1,
  ESME_RINVCMDLEN: 0x2,
  ESME_RINVCMDID: 0x3,
  ESME_RINVBNDSTS: 0x4,
  ESME_RALYBND: 0x5,
  ESME_RINVSRCADR: 0xa,
  ESME_RINVDSTADR: 0xb,
  ESME_RBINDFAIL: 0xd,
  ESME_RINVPASWD: 0xe,
  ESME_RINVSYSID: 0xf,
  ESME_RMSGQFUL: 0x14,
  ESME_RINVSERTYP: 0x15,
  ESME_RTHROTTLED: 0x58,
  ESME_RINVSCHED: 0x61,
  ESME_RINVEXPIRY: 0x62,
  ESME_RINVOPTPARSTREAM: 0xc0,
  ESME_ROPTPARNOTALLWD: 0xc1,
} as const;

/** Tags of optional parameters (SMPP 3.4, 5.3.2). */
export const tag = {
  receipted_message_id: 0x1e,
  sar_msg_ref_num: 0x20c,
  sar_total_segments: 0x20e,
  sar_segment_seqnum: 0x20f,
  sc_interface_version: 0x210,
  message_payload: 0x424,
  message_state: 0x427,
} as const;

export const HEADER_OCTETS = 16;
/** A longer command_length is taken for a lie. The longest honest PDU carries a message_payload of 64 kB. */
export const MAX_PDU_OCTETS = 65_536;

export type Address = { ton: number; npi: number; addr: string };
export type Bind = { systemId: string; password: string };
export type Submit = {
  serviceType: string;
  source: Address;
  dest: Address;
  esmClass: number;
  protocolId: number;
  priorityFlag: number;
  scheduleDeliveryTime: string;
  validityPeriod: string;
  registeredDelivery: number;
  replaceIfPresent: number;
  dataCoding: number;
  smDefaultMsgId: number;
  /** The octets of short_message, or of message_payload where that carries the text; a user data header included. */
  shortMessage: Buffer;
  /** Optional parameters by tag, message_payload among them. */
  tlvs: ReadonlyMap<number, Buffer>;
};
export type Deliver = {
  source: Address;
  dest: Address;
  esmClass: number;
  dataCoding: number;
  shortMessage: Buffer;
  tlvs: readonly (readonly [tag: number, value: Buffer])[];
};

/** A PDU body that breaks the specification; `status` is the command_status that says so. */
export class Malformed extends Error {
  readonly status: number;
  constructor(commandStatus: number) {
    super(`malformed PDU, command_status 0x${commandStatus.toString(16)}`);
    this.status = commandStatus;
  }
}

const NO_TLVS: ReadonlyMap<number, Buffer> = new Map();

class Cursor {
  #buffer: Buffer;
  #offset: number;
  #end: number;

  constructor(buffer: Buffer, offset: number, end: number) {
    this.#buffer = buffer;
    this.#offset = offset;
    this.#end = end;
  }

  octet(): number {
    if (this.#offset >= this.#end) throw new Malformed(status.ESME_RINVCMDLEN);
    return this.#buffer[this.#offset++]!;
  }

  octets(length: number, otherwise: number): Buffer {
    const start = this.#offset;
    if (start + length > this.#end) throw new Malformed(otherwise);
    this.#offset = start + length;
    return this.#buffer.subarray(start, this.#offset);
  }

  /** A C-Octet String of at most `maxOctets`, its closing NUL included; a longer one is answered with `otherwise`. */
  text(maxOctets: number, otherwise: number): string {
    const start = this.#offset;
    const limit = Math.min(this.#end, start + maxOctets);
    let end = start;
    while (end < limit && this.#buffer[end] !== 0) end++;
    if (end === this.#end) throw new Malformed(status.ESME_RINVCMDLEN);
    if (end === limit) throw new Malformed(otherwise);
    this.#offset = end + 1;
    return end === start ? '' : this.#buffer.toString('latin1', start, end);
  }

  /** A time is either empty or 16 characters and a NUL (7.1.1). */
  time(otherwise: number): string {
    const value = this.text(17, otherwise);
    if (value.length !== 0 && value.length !== 16) throw new Malformed(otherwise);
    return value;
  }

  tlvs(): ReadonlyMap<number, Buffer> {
    if (this.#offset === this.#end) return NO_TLVS;
    const tlvs = new Map<number, Buffer>();
    while (this.#offset < this.#end) {
      const head = this.octets(4, status.ESME_RINVOPTPARSTREAM);
      tlvs.set(head.readUInt16BE(0), this.octets(head.readUInt16BE(2), status.ESME_RINVOPTPARSTREAM));
    }
    return tlvs;
  }
}

/**
 * The body of bind_receiver, bind_transmitter or bind_transceiver (4.1.1, 4.1.3, 4.1.5). The specification stops at
 * 15 characters of system_id and 8 of password; SMSCs in the field take longer ones, and so does this one.
 */
export function readBind(buffer: Buffer, offset: number, end: number): Bind {
  const cursor = new Cursor(buffer, offset, end);
  const systemId = cursor.text(65, status.ESME_RINVSYSID);
  const password = cursor.text(65, status.ESME_RINVPASWD);
  cursor.text(13, status.ESME_RBINDFAIL); // system_type
  cursor.octet(); // interface_version
  cursor.octet(); // addr_ton
  cursor.octet(); // addr_npi
  cursor.text(41, status.ESME_RBINDFAIL); // address_range
  return { systemId, password };
}

/** The body of submit_sm (4.4.1). Throws Malformed where a field is longer than its table allows or the body ends early. */
export function readSubmit(buffer: Buffer, offset: number, end: number): Submit {
  const cursor = new Cursor(buffer, offset, end);
  // Properties are evaluated in the order in which they are written, which is the order on the wire.
  const submit = {
    serviceType: cursor.text(6, status.ESME_RINVSERTYP),
    source: { ton: cursor.octet(), npi: cursor.octet(), addr: cursor.text(21, status.ESME_RINVSRCADR) },
    dest: { ton: cursor.octet(), npi: cursor.octet(), addr: cursor.text(21, status.ESME_RINVDSTADR) },
    esmClass: cursor.octet(),
    protocolId: cursor.octet(),
    priorityFlag: cursor.octet(),
    scheduleDeliveryTime: cursor.time(status.ESME_RINVSCHED),
    validityPeriod: cursor.time(status.ESME_RINVEXPIRY),
    registeredDelivery: cursor.octet(),
    replaceIfPresent: cursor.octet(),
    dataCoding: cursor.octet(),
    smDefaultMsgId: cursor.octet(),
    shortMessage: readShortMessage(cursor),
    tlvs: cursor.tlvs(),
  };
  if (submit.dest.addr === '') throw new Malformed(status.ESME_RINVDSTADR);
  const payload = submit.tlvs.get(tag.message_payload);
  if (payload !== undefined) {
    if (submit.shortMessage.length > 0) throw new Malformed(status.ESME_ROPTPARNOTALLWD); // one or the other (5.3.2.32)
    submit.shortMessage = payload;
  }
  return submit;
}

function readShortMessage(cursor: Cursor): Buffer {
  const length = cursor.octet();
  if (length > 254) throw new Malformed(status.ESME_RINVMSGLEN);
  return cursor.octets(length, status.ESME_RINVMSGLEN);
}
