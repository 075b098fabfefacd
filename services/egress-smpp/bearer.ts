// The SMPP bearer: a bind is one session, or a transmitter with a receiver beside it; receipts on either become reports.
import type { PDU } from 'smpp';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer, Link } from '#shared/egress/bearer.ts';
import type { Context } from '#shared/service.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { toReport } from '#shared/topology.ts';
import { submitPdus } from './pdus.ts';
import { receiptOf } from './receipts.ts';
import { type BindCommand, openSession, type SmppSession } from './session.ts';
import { type Part, submitParts } from './submit.ts';

type Deliver = (pdu: PDU, respond: (status: number) => void) => void;

export function smppBearer(name: string, provider: ProviderOf<'smpp'>, { bus, log }: Context): Bearer<Part[]> {
  const deliver: Deliver = (pdu, respond) => {
    const report = receiptOf(pdu, name, Date.now());
    if (!report) {
      log.warn({ provider: name }, 'a deliver_sm that is no receipt was refused: incoming messages have no route yet');
      respond(STATUS.RX_P_APPN!);
      return;
    }
    metrics.receipts.inc({ provider: name, state: report.state });
    logAccess({ event: 'receipt', provider: name, state: report.state, to: maskNumber(report.to ?? '') });
    void bus.publish(toReport('receipt'), [report]).then(() => respond(STATUS.ROK!));
  };
  return {
    prepare: (message) => submitPdus(message, provider),
    begun: (parts) => parts.some(({ providerId }) => providerId !== undefined),
    open: (ended) => openBind(provider, deliver, ended),
  };
}

/** The sessions of one bind. When one of them ends, the other is closed and the bind is over. */
async function openBind(
  provider: ProviderOf<'smpp'>,
  deliver: Deliver,
  ended: (reason: string) => void,
): Promise<Link<Part[]>> {
  const sessions: SmppSession[] = [];
  let over = false;
  const cut = (reason: string) => {
    for (const session of sessions) session.cut(reason);
  };
  const end = (reason: string) => {
    if (over) return;
    over = true;
    cut(reason);
    ended(reason);
  };
  const commands: BindCommand[] =
    provider.bindAs === 'transceiver' ? ['bind_transceiver'] : ['bind_receiver', 'bind_transmitter'];
  try {
    for (const command of commands) sessions.push(await openSession(provider, command, { deliver, ended: end }));
  } catch (error) {
    over = true;
    cut('the other session failed');
    throw error;
  }
  const submitting = sessions.at(-1)!;
  return {
    inFlight: submitting.inFlight,
    submit: (parts, answered) => submitParts(submitting, parts, answered),
    close: submitting.close,
    cut,
  };
}
