// The part of the `smpp` package that we use; it ships no types.
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  export type PduFields = Record<string, unknown>;
  export class PDU {
    static maxLength: number;
    constructor(command: string | Buffer, fields?: PduFields);
    command: string;
    command_status: number;
    sequence_number: number;
    [field: string]: unknown;
    isResponse(): boolean;
    response(fields?: PduFields): PDU;
    toBuffer(): Buffer;
  }
  export class Session extends EventEmitter {
    constructor(options: { socket: Socket });
    socket: Socket;
    sequence: number;
    send(pdu: PDU, onResponse?: (pdu: PDU) => void): boolean;
    pause(): void;
    resume(): void;
    destroy(): void;
  }
  type Type = { size(value: unknown): number; default: unknown };
  type Params = Record<string, { type: Type; filter?: unknown }>;
  const smpp: {
    PDU: typeof PDU;
    Session: typeof Session;
    commands: Record<string, { params?: Params }>;
    commandsById: Record<number, { command: string }>;
    tlvs: Record<string, { id?: number; type?: Type; filter?: unknown }>;
    tlvsById: Record<number, { type: Type }>;
    types: { cstring: { read(buffer: Buffer, offset: number): string }; tlv: { buffer: Type } };
    errors: Record<string, number>;
  };
  export default smpp;
}
