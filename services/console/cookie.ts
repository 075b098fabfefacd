// The session's cookie.
import type { FastifyRequest } from 'fastify';
import type { Config } from '#shared/config/schema.ts';

export type Listener = NonNullable<Config['listen']['console']>;

/** Whether browsers speak TLS to us, or to what stands before us. */
export const isSecure = ({ tls, url }: Listener) => tls !== undefined || (url?.startsWith('https:') ?? false);

/** `__Host-` binds a cookie to this host and TLS, where there is TLS. */
export const cookieName = (listener: Listener, name = 'hermod') => (isSecure(listener) ? `__Host-${name}` : name);

export function tokenIn({ headers }: FastifyRequest, name: string): string | undefined {
  const cookies = (headers.cookie ?? '').split(';').map((each) => each.trim());
  return cookies.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The header's value that sets the session's token, or without one takes it away. */
export function sessionCookie(listener: Listener, token: string | undefined): string {
  const attributes = `; Path=/; HttpOnly; SameSite=Strict${isSecure(listener) ? '; Secure' : ''}`;
  return `${cookieName(listener)}=${token ?? '; Max-Age=0'}${attributes}`;
}
