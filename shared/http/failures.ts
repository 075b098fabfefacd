// Why a call got no answer, in words for an administrator.
import { reasonOf } from '../telemetry/log.ts';

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_SOCKET: 'connection closed before the answer',
};

/** Of an error of undici, of a socket or of TLS. */
export function failureText(error: unknown): string {
  const { code } = error as { code?: string };
  return (code !== undefined && FAILURES[code]) || reasonOf(error);
}
