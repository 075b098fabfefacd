// The octets of one session: whole PDUs in, one write per tick out, limits on both, and an end that loses nothing which
// the peer had sent.
import type { Socket } from 'node:net';
import type { PDU } from 'smpp';
import { Frames } from './frames.ts';

/** What waits for its turn, and what waits to leave: beyond it nothing more is read. */
const MOST_WAITING_OCTETS = 32_768;
/** From our last octet to the end of the line. */
const CLOSING_MS = 1_000;

export type WireHandlers = {
  /** There may be more to take, or an end to see. */
  ready(): void;
  /** The peer takes no more: answers go nowhere. Once. */
  gone(): void;
};

export class Wire {
  readonly frames: Frames;
  /** The peer sends no more. */
  ended = false;
  readonly #socket: Socket;
  readonly #handlers: WireHandlers;
  #out: Buffer[] = [];
  #closed = false;
  #gone = false;

  constructor(socket: Socket, mostOctets: number, handlers: WireHandlers) {
    this.frames = new Frames(mostOctets);
    this.#socket = socket;
    this.#handlers = handlers;
    this.#surviveReset();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (this.#closed) return;
      this.frames.push(chunk);
      handlers.ready();
    });
    socket.on('drain', () => handlers.ready());
    socket.on('end', () => this.#end());
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => {
      this.#lose();
      this.#end();
    });
  }

  /** Whether the peer leaves too many answers unread. */
  get blocked(): boolean {
    return !this.#gone && this.#socket.writableLength > MOST_WAITING_OCTETS;
  }

  /** The next PDU that came. */
  next(): Buffer | undefined {
    return this.#closed ? undefined : this.frames.shift();
  }

  /** Reads on, or waits until there is room. */
  readOn(): void {
    if (!this.#closed && (this.blocked || this.frames.waiting > MOST_WAITING_OCTETS)) this.#socket.pause();
    else this.#socket.resume();
  }

  send(pdu: PDU): void {
    if (this.#closed || this.#gone) return;
    if (this.#out.length === 0) setImmediate(() => this.#flush());
    this.#out.push(pdu.toBuffer());
  }

  /** What was sent leaves, nothing more is taken. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    if (this.#gone) this.#socket.destroy();
    else this.#socket.end();
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), CLOSING_MS).unref();
  }

  /**
   * A peer that resets the line makes our next write fail, and Node would then throw away what is still to be read of
   * it. privacyIDEA submits and goes away without reading an answer: what it sent counts. So a failed write is not an
   * error of the socket; the reading goes on to its end.
   */
  #surviveReset(): void {
    const socket = this.#socket;
    const [write, writev] = [socket._write.bind(socket), socket._writev!.bind(socket)];
    type Done = (error?: Error | null) => void;
    const survived = (done: Done) => (error?: Error | null) => {
      if (error) this.#lose();
      done();
    };
    socket._write = (chunk, encoding, done) => write(chunk, encoding, survived(done));
    socket._writev = (chunks, done) => writev(chunks, survived(done));
  }

  #flush(): void {
    const out = this.#out;
    this.#out = [];
    if (out.length > 0 && !this.#gone) this.#socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
  }

  #lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#out = [];
    this.#handlers.gone();
  }

  #end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#handlers.ready();
  }
}
