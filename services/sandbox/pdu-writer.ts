// Writes the PDUs that the SMSC sends: responses and deliver_sm of SMPP 3.4.
import { type Address, command, type Deliver, HEADER_OCTETS, status, tag } from './pdu.ts';

/** Gathers the PDUs that leave in one turn of the event loop, so that they go out in one write. */
export class PduWriter {
  #buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was gathered, as a buffer of its own; the writer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  /** A response with a C-Octet String as its body (message_id, system_id), or with none: a failed one has no body. */
  response(commandId: number, commandStatus: number, sequence: number, body?: string): void {
    const octets = HEADER_OCTETS + (body === undefined ? 0 : body.length + 1);
    this.#header(octets, commandId, commandStatus, sequence);
    if (body !== undefined) this.#text(body);
  }

  /** bind_*_resp that says yes: system_id and sc_interface_version 3.4. */
  bound(commandId: number, sequence: number, systemId: string): void {
    this.#header(HEADER_OCTETS + systemId.length + 1 + 5, commandId, status.ESME_ROK, sequence);
    this.#text(systemId);
    this.#tlv(tag.sc_interface_version, Buffer.of(0x34));
  }

  /** deliver_sm (4.6.1). */
  deliver(sequence: number, { source, dest, esmClass, dataCoding, shortMessage, tlvs }: Deliver): void {
    let octets = HEADER_OCTETS + 17 + source.addr.length + dest.addr.length + shortMessage.length;
    for (const [, value] of tlvs) octets += 4 + value.length;
    this.#header(octets, command.deliver_sm, status.ESME_ROK, sequence);
    this.#octet(0); // service_type
    this.#address(source);
    this.#address(dest);
    this.#octet(esmClass);
    for (let zero = 0; zero < 6; zero++) this.#octet(0); // protocol_id … replace_if_present_flag: all unused here
    this.#octet(dataCoding);
    this.#octet(0); // sm_default_msg_id
    this.#octet(shortMessage.length);
    this.#octets(shortMessage);
    for (const [number, value] of tlvs) this.#tlv(number, value);
  }

  #header(octets: number, commandId: number, commandStatus: number, sequence: number): void {
    if (this.#length + octets > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + octets));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    const at = this.#length;
    this.#buffer.writeUInt32BE(octets, at);
    this.#buffer.writeUInt32BE(commandId, at + 4);
    this.#buffer.writeUInt32BE(commandStatus, at + 8);
    this.#buffer.writeUInt32BE(sequence, at + 12);
    this.#length = at + HEADER_OCTETS;
  }

  #octet(value: number): void {
    this.#buffer[this.#length++] = value;
  }

  #octets(value: Buffer): void {
    this.#length += value.copy(this.#buffer, this.#length);
  }

  #text(value: string): void {
    this.#length += this.#buffer.write(value, this.#length, 'latin1');
    this.#octet(0);
  }

  #address({ ton, npi, addr }: Address): void {
    this.#octet(ton);
    this.#octet(npi);
    this.#text(addr);
  }

  #tlv(number: number, value: Buffer): void {
    this.#length = this.#buffer.writeUInt16BE(number, this.#length);
    this.#length = this.#buffer.writeUInt16BE(value.length, this.#length);
    this.#octets(value);
  }
}
