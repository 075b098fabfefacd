// The SMPP bearer: a bind is one session, or a transmitter with a receiver beside it; receipts and incoming messages on either
// become reports, answered only after the broker confirmed them, so that what we lose is what the SMSC still has.
import type { PDU } from 'smpp';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer, Link } from '#shared/egress/bearer.ts';
import { readPems } from '#shared/http/pems.ts';
import type { Context } from '#shared/service.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { toReport } from '#shared/topology.ts';
import { incomingOf } from './incoming.ts';
import { submitPdus } from './pdus.ts';
import { receiptOf } from './receipts.ts';
import { type BindCommand, type Endpoint, type Line, openSession, type SmppSession } from './session.ts';
import { type Part, submitParts } from './submit.ts';

type Ended = (reason: string) => void;
type Deliver = (pdu: PDU, respond: (status: number) => void) => void;

export function smppBearer(name: string, provider: ProviderOf<'smpp'>, { bus, dir, log }: Context): Bearer<Part[]> {
  const line = { provider, pems: readPems(`providers.${name}.tls`, provider.tls ?? {}, dir) };
  const deliver: Deliver = (pdu, respond) => {
    const report = receiptOf(pdu, name, Date.now()) ?? incomingOf(pdu, name, Date.now());
    if (!report) {
      log.warn({ provider: name }, 'a deliver_sm that is neither a receipt nor a message was refused');
      respond(STATUS.RX_P_APPN!);
      return;
    }
    if (report.kind === 'receipt') metrics.receipts.inc({ provider: name, state: report.state });
    const seen =
      report.kind === 'receipt'
        ? { state: report.state, to: maskNumber(report.to ?? '') }
        : { from: maskNumber(report.from) };
    logAccess({ event: report.kind, provider: name, ...seen });
    void bus.publish(toReport(report.kind), [report]).then(() => respond(STATUS.ROK!));
  };
  return {
    prepare: (message) => submitPdus(message, provider),
    begun: (parts) => parts.some(({ providerId }) => providerId !== undefined),
    open: (ended) => openAtOneOf(endpointsOf(provider), line, deliver, ended),
  };
}

/** The account's hosts in their order, each with where its receiver binds. */
export function endpointsOf({ host, port, otherHosts, systemId, password, receiver }: ProviderOf<'smpp'>): Place[] {
  const others = otherHosts.map((text) => {
    const [, name, otherPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(text)!;
    return { host: name!, port: otherPort === undefined ? port : Number(otherPort) };
  });
  return [{ host, port }, ...others].map((at) => {
    const sender = { ...at, systemId, password };
    const other = Object.entries(receiver ?? {}).filter(([, value]) => value !== undefined);
    return { sender, receiver: { ...sender, ...Object.fromEntries(other) } };
  });
}

export type Place = { sender: Endpoint; receiver: Endpoint };

/** A bind at the first host that gives one; rejects with what each of them said. */
async function openAtOneOf(places: Place[], line: Line, deliver: Deliver, ended: Ended): Promise<Link<Part[]>> {
  const faults: string[] = [];
  for (const place of places) {
    try {
      return await openBind(place, line, deliver, ended);
    } catch (error) {
      faults.push(reasonOf(error));
    }
  }
  throw new Error(faults.join('; '));
}

/** The sessions of one bind. When one of them ends, the other is closed and the bind is over. */
async function openBind(place: Place, line: Line, deliver: Deliver, ended: Ended): Promise<Link<Part[]>> {
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
  const open = async (endpoint: Endpoint, command: BindCommand) => {
    sessions.push(await openSession(line, endpoint, command, { deliver, ended: end }));
  };
  const { bindAs } = line.provider;
  try {
    if (bindAs === 'transmitter+receiver') await open(place.receiver, 'bind_receiver');
    await open(place.sender, bindAs === 'transceiver' ? 'bind_transceiver' : 'bind_transmitter');
  } catch (error) {
    over = true;
    cut('the other session failed');
    throw error;
  }
  const submitting = sessions.at(-1)!;
  return {
    inFlight: submitting.inFlight,
    submit: (parts, answered, show) => submitParts(submitting, parts, answered, show),
    close: submitting.close,
    cut,
  };
}
