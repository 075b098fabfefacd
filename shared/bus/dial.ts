// One way to connect to RabbitMQ, with TLS where the URL begins with amqps: then the broker's certificate is verified, by
// its own authority where `cacertfile` names one.
import { type ChannelModel, connect } from 'amqplib';
import { readPems } from '../http/pems.ts';
import { reasonOf } from '../telemetry/log.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** Node's words for a certificate that it does not accept: asking again would not change that. */
const DISTRUST = /^(CERT_|DEPTH_ZERO_|ERR_TLS_CERT_|SELF_SIGNED_|UNABLE_TO_)/;

/** Host and port of an AMQP URL for messages: credentials never leave this folder. */
export function brokerName(url: string): string {
  try {
    const { hostname, port, protocol } = new URL(url);
    return `${hostname}:${port || (protocol === 'amqps:' ? 5671 : 5672)}`;
  } catch {
    return 'an unreadable AMQP_URL';
  }
}

/**
 * Files of PEM come as RabbitMQ's own query parameters `cacertfile`, `certfile` and `keyfile`
 * (https://www.rabbitmq.com/docs/uri-query-parameters), relative to the working directory.
 */
export function dial(url: string, clientProperties: Record<string, string> = {}): Promise<ChannelModel> {
  // Node's sockets start with Nagle on: without noDelay each confirm waits 40 ms for the peer's delayed ACK.
  const options = { noDelay: true, timeout: CONNECT_TIMEOUT_MS, clientProperties };
  const { protocol, searchParams } = new URL(url);
  if (protocol !== 'amqps:') return connect(url, options);
  const file = (name: string) => searchParams.get(name) ?? undefined;
  const files = { ca: file('cacertfile'), cert: file('certfile'), key: file('keyfile') };
  return connect(url, { ...options, ...readPems('AMQP_URL', files, process.cwd()) });
}

/** What no second try would mend, as one line without credentials; undefined for anything else. */
export function lastingFault(url: string, error: unknown): Error | undefined {
  const reason = reasonOf(error);
  if (DISTRUST.test((error as NodeJS.ErrnoException).code ?? ''))
    return new Error(
      `RabbitMQ at ${brokerName(url)} shows a certificate that is not trusted (${reason}): name its authority in AMQP_URL, ?cacertfile=FILE`,
    );
  if (/^AMQP_URL: |^AMQP_URL\./.test(reason)) return new Error(reason);
  if (/ACCESS_REFUSED|403/.test(reason))
    return new Error(`RabbitMQ at ${brokerName(url)} refuses the user or password in AMQP_URL`);
  // The broker closes instead of opening: amqplib does not pass on why.
  if (/ConnectionOpenOk/.test(reason))
    return new Error(`RabbitMQ at ${brokerName(url)} does not let this user into the virtual host in AMQP_URL`);
  return undefined;
}
