// A client of the SMPP door that comes back: it binds again when the line is cut, submits one message at a time per
// caller, and takes the receipts.
import { Esme, firstText, id, readDeliver } from '../peers/esme.ts';

const STEADY_MS = 5_000;
const IDLE_MS = 600_000;
const BIND_AGAIN_MS = 200;

export type SmppClient = {
  /** One submit_sm: accepted, refused (a status, or no door to bind to), or no answer at all. */
  submit(to: string): Promise<'accepted' | 'refused' | 'no answer'>;
  close(): void;
};

/** `receipt` runs for each delivery receipt, with the number that it is about. */
export function smppClient(
  port: number,
  account: { systemId: string; password: string },
  receipt: (to: string) => void,
) {
  let bound: Promise<Esme> | undefined;
  let current: Esme | undefined;
  let closed = false;

  async function bind(): Promise<Esme> {
    const esme = await Esme.connect(port);
    try {
      const { status } = await esme.bind('bind_transceiver', account);
      if (status !== 0) throw new Error(`bind refused with status ${status}`);
    } catch (error) {
      esme.close();
      throw error;
    }
    current = esme;
    void serve(esme).finally(() => {
      esme.close();
      bound = undefined;
      setTimeout(keepBound, BIND_AGAIN_MS);
    });
    return esme;
  }

  /** Receipts come only while a session is there. */
  function keepBound(): void {
    if (closed || bound) return;
    bound = bind();
    bound.catch(() => {
      bound = undefined;
      setTimeout(keepBound, BIND_AGAIN_MS);
    });
  }

  /** Until the line is cut. */
  async function serve(esme: Esme): Promise<void> {
    for (;;) {
      const pdu = await esme.next(IDLE_MS).catch(() => undefined);
      if (!pdu) return;
      if (pdu.id === id.deliver_sm) {
        receipt(readDeliver(pdu).source.addr);
        esme.answer(pdu, 0, Buffer.alloc(1));
      }
      if (pdu.id === id.enquire_link || pdu.id === id.unbind) esme.answer(pdu);
    }
  }

  const client: SmppClient = {
    async submit(to) {
      keepBound();
      const esme = await bound?.catch(() => undefined);
      if (!esme) return 'refused';
      const sequence = esme.submit({ dest: { ton: 1, npi: 1, addr: to }, registered: 1 });
      const answer = await esme.answerTo(sequence, STEADY_MS).catch(() => undefined);
      if (!answer) return 'no answer';
      return answer.status === 0 && firstText(answer) !== '' ? 'accepted' : 'refused';
    },
    close() {
      closed = true;
      current?.close();
    },
  };
  return client;
}
