// What a bound client may ask: submit_sm, submit_multi, query_sm and cancel_sm, each with its answer.
import type { PDU } from 'smpp';
import type { Bus } from '#shared/bus/bus.ts';
import { prepare, refuse, submit } from '#shared/doors/accept.ts';
import { Excess } from '#shared/doors/admission.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { SMPP_SCHEME } from '#shared/messages/callback.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { fromClient, toClient } from './ids.ts';
import type { Answer } from './session.ts';
import { type Refusal, readSubmit, refusal } from './submit.ts';
import { absoluteTime } from './times.ts';

const ASK_WITHIN_MS = 2_000;
/** message_state (SMPP 3.4, 5.2.28) of the ledger's states; what is not listed is on its way. */
const STATES: Record<string, number> = {
  delivered: 2,
  expired: 3,
  cancelled: 4,
  failed: 5,
  sent: 6,
  unknown: 7,
  rejected: 8,
};
const ENROUTE = 1;
/** The command_status for each reason of NotPrepared. */
const NOT_PREPARED = {
  limit: 'RINVMSGLEN',
  sender: 'RINVSRCADR',
  number: 'RINVDSTADR',
  suppressed: 'RINVDSTADR',
} as const;

type Cancelled = { state: 'cancelled' | 'too late' | 'unknown' };
type Found = { state: string; stateAt: number; final: boolean } | null;

/** Who asks, and from where. */
export type Asker = Verified & { address: string };
export type Requests = (asker: Asker, pdu: PDU) => Answer | Promise<Answer>;

export function openRequests(bus: Bus, log: Log): Requests {
  const no = ({ name, address }: Asker, { status, reason, detail }: Refusal): Answer => {
    refuse('smpp', reason, address, name, { detail });
    return { status };
  };

  function submitted(asker: Asker, pdu: PDU): Answer | Promise<Answer> {
    const now = Date.now();
    const { client, address } = asker;
    const request = readSubmit(pdu, client, address, now);
    if ('status' in request) return no(asker, request);
    const messages = prepare(request, asker, now);
    if (!Array.isArray(messages))
      return no(asker, refusal(NOT_PREPARED[messages.reason], messages.reason, messages.refused));
    const { id, dlrMask } = messages[0]!;
    // One answer names one id: receipts of all recipients of a submit_multi are told by it.
    if (dlrMask) for (const message of messages) message.dlrUrl = SMPP_SCHEME + id;
    const none = pdu.command === 'submit_multi' ? { unsuccess_sme: [] } : {};
    return submit(bus, messages, client, address, log).then(
      () => ({ status: STATUS.ROK!, fields: { message_id: toClient(id, client.smpp.messageIds), ...none } }),
      (error) =>
        no(
          asker,
          error instanceof Excess
            ? refusal('RTHROTTLED', error.reason, error.message)
            : refusal('RMSGQFUL', 'broker', reasonOf(error)),
        ),
    );
  }

  async function queried({ name, client }: Asker, { message_id }: PDU): Promise<Answer> {
    const id = fromClient(String(message_id), client.smpp.messageIds);
    let found: Found = null;
    if (id) {
      try {
        found = (await bus.ask(LEDGER_RPC, { ask: 'message', id, client: name }, ASK_WITHIN_MS)) as Found;
      } catch (error) {
        log.warn({ client: name, reason: reasonOf(error) }, 'a query_sm could not be answered');
        return { status: STATUS.RSYSERR! };
      }
    }
    if (!found) return { status: STATUS.RQUERYFAIL! };
    const { state, stateAt, final } = found;
    const fields = { final_date: final ? absoluteTime(stateAt) : '', message_state: STATES[state] ?? ENROUTE };
    return { status: STATUS.ROK!, fields: { message_id, ...fields, error_code: 0 } };
  }

  /** Only a message that is scheduled can be taken back. */
  async function cancelled({ name, client }: Asker, { message_id }: PDU): Promise<Answer> {
    const id = fromClient(String(message_id), client.smpp.messageIds);
    if (!id) return { status: STATUS.RCANCELFAIL! };
    try {
      const { state } = (await bus.ask(LEDGER_RPC, { ask: 'cancel', id, client: name }, ASK_WITHIN_MS)) as Cancelled;
      return { status: state === 'cancelled' ? STATUS.ROK! : STATUS.RCANCELFAIL! };
    } catch (error) {
      log.warn({ client: name, reason: reasonOf(error) }, 'a cancel_sm could not be answered');
      return { status: STATUS.RSYSERR! };
    }
  }

  return (asker, pdu) => {
    if (pdu.command === 'cancel_sm') return cancelled(asker, pdu);
    return pdu.command === 'query_sm' ? queried(asker, pdu) : submitted(asker, pdu);
  };
}
