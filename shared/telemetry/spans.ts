// Spans of a message's trace, in the words of OpenTelemetry's semantic conventions for messaging
// (https://opentelemetry.io/docs/specs/semconv/messaging/). Off, and then next to free, unless
// OTEL_EXPORTER_OTLP_ENDPOINT is set. A span has ids, names from the configuration and lanes: no text, no number.
import { hostname } from 'node:os';
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api';
import type { Callback } from '../messages/callback.ts';
import type { Envelope } from '../messages/envelope.ts';
import type { ReportOf } from '../messages/report.ts';
import type { Sms } from '../messages/sms.ts';
import { type Lane, toSubmit } from '../topology.ts';
import { type Log, reasonOf } from './log.ts';
import { isTraceparent } from './trace.ts';

/** Which part (0 to 1) of each lane's messages is traced. Decided once, at the door, by the trace id. */
export type Shares = Record<Lane, number>;

/** A span under way. */
export type Traced = {
  /** Its own context: the parent of what follows from it. */
  traceparent: string;
  end(attributes?: Attributes, fault?: string): void;
};

type Kind = 'producer' | 'consumer' | 'client';
type Open = {
  shares: Shares;
  span(service: string, name: string, kind: Kind, options: Options): Traced;
  flush(): Promise<void>;
};
type Options = { parent?: string | undefined; links?: string[]; attributes: Attributes; startTime?: number };

/** A collector that takes longer keeps no service from stopping. */
const FLUSH_WITHIN_MS = 3_000;
const TELL_EVERY_MS = 60_000;
const MOST_LINKS = 128;
const SYSTEM = { 'messaging.system': 'rabbitmq' };

let open: Open | undefined;

/** Loads OpenTelemetry when the environment names a collector. `shares` of a second call replace those of the first. */
export async function openTraces(shares: Shares, log: Log): Promise<void> {
  const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (open) open.shares = shares;
  else if (endpoint) open = await load(shares, log);
}

/** Sends what is still here to the collector, for at most some seconds. */
export const flushTraces = async (): Promise<void> => open?.flush();

async function load(shares: Shares, log: Log): Promise<Open> {
  const api = await import('@opentelemetry/api');
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = await import(
    '@opentelemetry/resources'
  );
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (what: unknown) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = performance.now();
    log.warn({ reason: reasonOf(what) }, 'traces cannot be sent');
  };
  api.diag.setLogger({ error: tell, warn() {}, info() {}, debug() {}, verbose() {} }, api.DiagLogLevel.ERROR);
  const processor = new BatchSpanProcessor(new OTLPTraceExporter(), { maxQueueSize: 8_192 });
  const shared = defaultResource().merge(detectResources({ detectors: [envDetector] }));
  const kinds = { producer: api.SpanKind.PRODUCER, consumer: api.SpanKind.CONSUMER, client: api.SpanKind.CLIENT };
  const tracers = new Map<string, Tracer>();

  /** A process may host several services: each is a resource of its own, and all share one exporter. */
  function tracerOf(service: string): Tracer {
    let tracer = tracers.get(service);
    if (!tracer) {
      const named = { 'service.name': service, 'service.namespace': 'hermod' };
      const instance = { 'service.instance.id': `${hostname()}-${process.pid}` };
      const resource = shared.merge(resourceFromAttributes({ ...named, ...instance }));
      const spanLimits = { linkCountLimit: MOST_LINKS };
      tracer = new NodeTracerProvider({ resource, spanProcessors: [processor], spanLimits }).getTracer('hermod');
      tracers.set(service, tracer);
    }
    return tracer;
  }

  const under = (parent: string | undefined): Context =>
    parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, contextOf(parent));

  return {
    shares,
    span(service, name, kind, { parent, links = [], ...options }) {
      const linked = links.slice(0, MOST_LINKS).map((link) => ({ context: contextOf(link) }));
      const span = tracerOf(service).startSpan(name, { ...options, kind: kinds[kind], links: linked }, under(parent));
      return traced(span, api.SpanStatusCode.ERROR);
    },
    async flush() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_WITHIN_MS).unref());
      await Promise.race([processor.forceFlush().catch(tell), late]);
    },
  };
}

function traced(span: Span, code: number): Traced {
  const { traceId, spanId } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    end(attributes, fault) {
      if (attributes) span.setAttributes(attributes);
      if (fault !== undefined) span.setStatus({ code, message: fault });
      span.end();
    },
  };
}

/** Of a well-formed traceparent: 00-<trace id>-<span id>-<flags>. */
const contextOf = (traceparent: string): SpanContext => ({
  traceId: traceparent.slice(3, 35),
  spanId: traceparent.slice(36, 52),
  traceFlags: 1,
  isRemote: true,
});

const isSampled = (traceparent: string | undefined): traceparent is string =>
  traceparent !== undefined && isTraceparent(traceparent) && (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1;

/** The last 56 bits of a trace id are random (Trace Context level 2): the same part of all traces everywhere. */
const isInShare = (traceparent: string, share: number) =>
  Number.parseInt(traceparent.slice(21, 35), 16) < share * 2 ** 56;

const aboutMessage = ({ id, lane, client }: Sms): Attributes => ({
  'messaging.message.id': id,
  'hermod.lane': lane,
  'hermod.client': client,
});

const operation = (type: 'send' | 'receive' | 'process', destination: string): Attributes => ({
  ...SYSTEM,
  'messaging.operation.type': type,
  'messaging.operation.name': type,
  'messaging.destination.name': destination,
});

// ── the door ──

const accepting = new WeakMap<Sms, Traced>();

/**
 * The span of a message's acceptance, root of its trace or child of the client's own span (`header`, as it came). From
 * here on the message's context is this span. Whether it is traced at all, its lane decides and not the client.
 */
export function traceAccepting(message: Sms, header: unknown): Sms {
  if (!open) return message;
  const { traceparent, lane } = message;
  if (!isInShare(traceparent, open.shares[lane])) {
    message.traceparent = `${traceparent.slice(0, -2)}00`;
    return message;
  }
  const { exchange, key } = toSubmit(lane);
  const span = open.span(`ingress-${message.door}`, `send ${exchange}`, 'producer', {
    // Without a header the trace begins here, and there is no parent.
    parent: header === traceparent ? traceparent : undefined,
    attributes: {
      ...aboutMessage(message),
      ...operation('send', exchange),
      'messaging.rabbitmq.destination.routing_key': key,
      'hermod.door': message.door,
      'hermod.segments': message.segments,
    },
    startTime: message.at,
  });
  message.traceparent = span.traceparent;
  accepting.set(message, span);
  return message;
}

/** The broker confirmed these messages, or `fault` says why they were not taken. */
export function traceAccepted(messages: readonly Sms[], fault?: string): void {
  if (open) for (const message of messages) accepting.get(message)?.end(undefined, fault);
}

// ── on the way ──

/** A service handles one message of a queue. */
export function traceProcess(service: string, queue: string, message: Sms): Traced | undefined {
  if (!open || !isSampled(message.traceparent)) return undefined;
  const attributes = { ...aboutMessage(message), ...operation('process', queue), 'hermod.handover': message.handover };
  return open.span(service, `process ${queue}`, 'consumer', { parent: message.traceparent, attributes });
}

/** Several messages of one AMQP message, or of one transaction: a trace of its own with a link to each of theirs. */
export function traceBatch(service: string, queue: string, batch: readonly Envelope[]): Traced | undefined {
  if (!open || batch.length < 2) return undefined;
  const links = batch.flatMap(({ traceparent }) => (isSampled(traceparent as string) ? [traceparent as string] : []));
  if (links.length === 0) return undefined;
  const attributes = { ...operation('receive', queue), 'messaging.batch.message_count': batch.length };
  return open.span(service, `receive ${queue}`, 'consumer', { links, attributes });
}

/** One hand-over at a provider, from its first PDU or request to the outcome. */
export function traceSubmit(service: string, provider: string, message: Sms): Traced | undefined {
  if (!open || !isSampled(message.traceparent)) return undefined;
  const attributes = {
    ...aboutMessage(message),
    'hermod.provider': provider,
    'hermod.handover': message.handover,
    'hermod.segments': message.segments,
  };
  return open.span(service, `submit ${provider}`, 'client', { parent: message.traceparent, attributes });
}

/** A delivery receipt that the ledger matched to its message: from its arrival at the worker until it is recorded. */
export function traceReceipt(message: { id: string; traceparent: string }, receipt: ReportOf<'receipt'>): void {
  if (!open || !isSampled(message.traceparent)) return;
  const attributes = {
    ...operation('process', 'ledger'),
    'messaging.message.id': message.id,
    'hermod.provider': receipt.provider,
    'hermod.receipt.state': receipt.state,
  };
  const { traceparent: parent } = message;
  open.span('ledger', 'process receipt', 'consumer', { parent, attributes, startTime: receipt.at }).end();
}

/** One try to tell the client. `host` is all that is said of where. */
export function traceCallback(callback: Callback, host: string, method: 'GET' | 'POST' | 'MAIL'): Traced | undefined {
  if (!open || !isSampled(callback.traceparent)) return undefined;
  const attributes = {
    'messaging.message.id': callback.id,
    'hermod.client': callback.client,
    'hermod.try': callback.tries + 1,
    ...(method === 'MAIL' ? {} : { 'http.request.method': method }),
    'server.address': host,
  };
  return open.span('notifier', method, 'client', { parent: callback.traceparent, attributes });
}
