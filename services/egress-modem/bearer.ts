// The modem bearer: a bind is an open port with a modem that is ready. Messages go out as PDUs, one after another; status
// reports and incoming messages come back on the same port. A modem that hangs or is unplugged ends the bind, and the next
// one looks for the device anew.
import { existsSync } from 'node:fs';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer, Link } from '#shared/egress/bearer.ts';
import { exchangeLink } from '#shared/egress/exchange.ts';
import type { Context } from '#shared/service.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { toReport } from '#shared/topology.ts';
import { type At, AtFault, openAt } from './at.ts';
import { gnokiiBearer } from './gnokii.ts';
import { handOver, type Outgoing, prepare } from './hand-over.ts';
import { type Inbox, type Incoming, incomingReport, openInbox } from './inbox.ts';
import type { StatusReport } from './pdu/received.ts';
import { closePort, findByImei, openPort } from './port.ts';
import { receiptOf } from './receipts.ts';
import { References } from './references.ts';
import { setUp, WrongPin } from './setup.ts';
import { profileOf } from './types.ts';
import { watch } from './watch.ts';

const RESET = 'AT+CFUN=1,1';
const RESET_MS = 200;

export function modemBearer(name: string, provider: ProviderOf<'modem'>, context: Context): Bearer<Outgoing> {
  if (provider.gnokii) return gnokiiBearer(name, provider, context);
  const { bus, log } = context;
  const references = new References();
  /** Stays over the binds: see WrongPin, and `+CMS ERROR: 304`. */
  const memory: { pinRefused?: string; noValidity: boolean; path?: string } = { noValidity: false };
  const warn = (reason: string) => log.warn({ provider: name, reason }, 'modem');
  const speed = provider.speed ?? profileOf(provider.modemType, '').speed;

  const events = {
    incoming: (message: Incoming) => {
      logAccess({ event: 'incoming', provider: name, from: maskNumber(message.from.replace(/^\+/, '')) });
      return bus.publish(toReport('incoming'), [incomingReport(message, name, provider.myNumber)]);
    },
    async statusReport(report: StatusReport) {
      const id = references.match(report);
      const receipt = receiptOf(report, id, name);
      metrics.receipts.inc({ provider: name, state: receipt.state });
      logAccess({ event: 'receipt', provider: name, state: receipt.state, to: maskNumber(receipt.to!) });
      await bus.publish(toReport('receipt'), [receipt]);
      if (receipt.state !== 'buffered') references.done(id);
    },
    warn,
  };

  /** A modem that hangs does not say who it is: then it is where it was, and is reset there. */
  async function find(imei: string): Promise<string> {
    try {
      memory.path = await findByImei(imei, provider.ports, speed);
      return memory.path;
    } catch (error) {
      if (memory.path !== undefined && existsSync(memory.path)) return memory.path;
      throw error;
    }
  }

  async function open(ended: (reason: string) => void): Promise<Link<Outgoing>> {
    if (memory.pinRefused) throw new Error(memory.pinRefused);
    const path = provider.device ?? (await find(provider.imei!));
    const port = await openPort(path, speed);
    let inbox: Inbox | undefined;
    let link: Link<Outgoing> | undefined;
    let closing = false;
    const at = openAt(port, provider, {
      unasked: (said) => inbox?.take(said),
      ended(reason) {
        if (!closing && link) metrics.modemLost.inc({ provider: name });
        link?.cut(`${path}: ${reason}`);
      },
    });
    try {
      const ready = await setUp(at, { modemType: provider.modemType, pin: provider.pin, warn });
      if (provider.imei !== undefined && ready.identity.imei !== provider.imei)
        throw new Error('another modem has taken its place');
      const { maker, model } = ready.identity;
      log.info({ provider: name, device: path, maker, model, type: ready.profile.name }, 'modem ready');
      inbox = openInbox(at, ready, events);
      const stopWatching = watch(at, inbox, { name, every: provider.checkEvery, warn });
      const closed = () => {
        closing = true;
        stopWatching();
        at.end('closed');
        void closePort(port);
      };
      link = exchangeLink(
        async (outgoing, signal, show) => {
          const stop = () => at.end('closed before the answer came');
          signal.addEventListener('abort', stop);
          const outcome = await handOver(at, outgoing, { provider, references, memory, reports: ready.reports, show });
          signal.removeEventListener('abort', stop);
          return outcome;
        },
        ended,
        closed,
      );
      return link;
    } catch (error) {
      if (error instanceof WrongPin) memory.pinRefused = `${path}: ${error.message}`;
      await reset(at, port, error);
      throw new Error(`${path}: ${reasonOf(error)}`);
    }
  }

  return { prepare, begun: ({ taken }) => taken.length > 0, open };
}

/** A modem that does not answer may still listen: told to start anew, it is back under this or another name in seconds. */
async function reset(at: At, port: Awaited<ReturnType<typeof openPort>>, error: unknown): Promise<void> {
  at.end('not ready');
  if (error instanceof AtFault && error.kind === 'silent') {
    port.write(`${RESET}\r`);
    await new Promise((resolve) => setTimeout(resolve, RESET_MS));
  }
  await closePort(port);
}
