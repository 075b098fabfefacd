// An SMPP client made of a socket and octets: PDUs are written by hand and read by the sandbox's codec, so that the
// gateway's own reading of the specification is not asked about itself.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { HEADER_OCTETS, readSubmit, type Submit, tag } from '../../services/sandbox/pdu.ts';

export const id = {
  generic_nack: 0x80000000,
  bind_receiver: 0x1,
  bind_transmitter: 0x2,
  query_sm: 0x3,
  submit_sm: 0x4,
  deliver_sm: 0x5,
  unbind: 0x6,
  replace_sm: 0x7,
  cancel_sm: 0x8,
  bind_transceiver: 0x9,
  enquire_link: 0x15,
  submit_multi: 0x21,
  data_sm: 0x103,
} as const;
export const RESPONSE = 0x80000000;

export type Pdu = { id: number; status: number; sequence: number; body: Buffer };

export const octet = (value: number) => Buffer.of(value);
export const text = (value: string | Buffer) => Buffer.concat([Buffer.from(value as string, 'latin1'), Buffer.of(0)]);
export const tlv = (number: number, value: Buffer) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(number, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
};

export function pdu(commandId: number, sequence: number, body: Buffer = Buffer.alloc(0), status = 0): Buffer {
  const head = Buffer.alloc(HEADER_OCTETS);
  head.writeUInt32BE(HEADER_OCTETS + body.length, 0);
  head.writeUInt32BE(commandId >>> 0, 4);
  head.writeUInt32BE(status, 8);
  head.writeUInt32BE(sequence, 12);
  return Buffer.concat([head, body]);
}

export type BindFields = { systemId: string; password: string; version?: number };
export const bindBody = ({ systemId, password, version = 0x34 }: BindFields) =>
  Buffer.concat([text(systemId), text(password), text(''), Buffer.of(version, 0, 0), text('')]);

/** Fields of submit_sm and submit_multi; what is left out is empty or 0. */
export type SubmitFields = {
  serviceType?: string;
  source?: { ton?: number; npi?: number; addr: string };
  dest?: { ton?: number; npi?: number; addr: string };
  /** submit_multi: numbers, or names of distribution lists. */
  dests?: ({ ton?: number; addr: string } | { list: string })[];
  esmClass?: number;
  protocolId?: number;
  priority?: number;
  schedule?: string;
  validity?: string;
  registered?: number;
  replace?: number;
  coding?: number;
  defaultMessage?: number;
  message?: Buffer;
  tlvs?: Buffer[];
};

export function submitBody(fields: SubmitFields): Buffer {
  const { source = { addr: '12345' }, dest = { addr: '447700900001' }, message = Buffer.from('hello') } = fields;
  const to = fields.dests
    ? [octet(fields.dests.length), ...fields.dests.map(destBody)]
    : [Buffer.of(dest.ton ?? 0, dest.npi ?? 0), text(dest.addr)];
  return Buffer.concat([
    text(fields.serviceType ?? ''),
    Buffer.of(source.ton ?? 0, source.npi ?? 0),
    text(source.addr),
    ...to,
    Buffer.of(fields.esmClass ?? 0, fields.protocolId ?? 0, fields.priority ?? 0),
    text(fields.schedule ?? ''),
    text(fields.validity ?? ''),
    Buffer.of(fields.registered ?? 0, fields.replace ?? 0, fields.coding ?? 0, fields.defaultMessage ?? 0),
    octet(message.length),
    message,
    ...(fields.tlvs ?? []),
  ]);
}

const destBody = (dest: { ton?: number; addr: string } | { list: string }) =>
  'list' in dest
    ? Buffer.concat([octet(2), text(dest.list)])
    : Buffer.concat([Buffer.of(1, dest.ton ?? 0, 1), text(dest.addr)]);

/** The C-octet string with which a body begins: message_id or system_id. */
export const firstText = ({ body }: Pdu) => body.toString('latin1', 0, Math.max(0, body.indexOf(0)));

/** A deliver_sm has the fields of a submit_sm. */
export const readDeliver = ({ body }: Pdu): Submit => readSubmit(body, 0, body.length);
export const receiptedId = (deliver: Submit) =>
  deliver.tlvs.get(tag.receipted_message_id)?.toString('latin1').replace('\0', '');

export class Esme {
  readonly socket: net.Socket;
  /** Everything that came, in order. */
  readonly received: Pdu[] = [];
  closed = false;
  #taken = 0;
  #sequence = 0;
  #data = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  static async connect(port: number, ca?: string): Promise<Esme> {
    const socket = ca === undefined ? net.connect(port, '127.0.0.1') : tls.connect({ port, host: '127.0.0.1', ca });
    socket.setNoDelay(true);
    const esme = new Esme(socket);
    await once(socket, ca === undefined ? 'connect' : 'secureConnect');
    return esme;
  }

  send(commandId: number, body?: Buffer, status = 0): number {
    this.socket.write(pdu(commandId, ++this.#sequence, body, status));
    return this.#sequence;
  }

  answer({ id: commandId, sequence }: Pdu, status = 0, body: Buffer = Buffer.alloc(0)): void {
    this.socket.write(pdu(commandId | RESPONSE, sequence, body, status));
  }

  submit(fields: SubmitFields = {}): number {
    return this.send(fields.dests ? id.submit_multi : id.submit_sm, submitBody(fields));
  }

  /** The next PDU, in the order of arrival. */
  async next(ms = 5_000): Promise<Pdu> {
    await this.#until(() => this.received.length > this.#taken, `no PDU within ${ms} ms`, ms);
    return this.received[this.#taken++]!;
  }

  /** The answer to this sequence_number. */
  async answerTo(sequence: number, ms = 5_000): Promise<Pdu> {
    const find = () => this.received.find((one) => one.sequence === sequence && one.id >= RESPONSE);
    await this.#until(() => find() !== undefined, `no answer to PDU ${sequence} within ${ms} ms`, ms);
    return find()!;
  }

  async bind(command: 'bind_receiver' | 'bind_transmitter' | 'bind_transceiver', fields: BindFields): Promise<Pdu> {
    return this.answerTo(this.send(id[command], bindBody(fields)));
  }

  /** Resolves when the other side has closed. */
  async ended(ms = 5_000): Promise<void> {
    await this.#until(() => this.closed, `not closed within ${ms} ms`, ms);
  }

  close(): void {
    this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#data = Buffer.concat([this.#data, chunk]);
    while (this.#data.length >= HEADER_OCTETS && this.#data.length >= this.#data.readUInt32BE(0)) {
      const frame = this.#data.subarray(0, this.#data.readUInt32BE(0));
      this.#data = this.#data.subarray(frame.length);
      const [commandId, status, sequence] = [4, 8, 12].map((at) => frame.readUInt32BE(at)) as [number, number, number];
      this.received.push({ id: commandId, status, sequence, body: frame.subarray(HEADER_OCTETS) });
    }
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #until(condition: () => boolean, otherwise: string, ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0 || this.closed) throw new Error(`${otherwise}${this.closed ? ': the line is closed' : ''}`);
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        setTimeout(resolve, left);
      });
    }
  }
}
