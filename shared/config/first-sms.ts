// The line that sends a first SMS with a configuration, for whoever sees the gateway for the first time.
import type { Config } from './schema.ts';

/** A password is in it only where it stands in plain text beside a sandbox; PASSWORD else. */
export function firstSms({ listen, clients, sandbox }: Config): string {
  const [client, row] = Object.entries(clients)[0] ?? [];
  const password = row && !row.password.startsWith('scrypt$') && sandbox ? row.password : 'PASSWORD';
  const query = new URLSearchParams({
    username: client ?? 'NAME',
    password,
    to: '+447700900123',
    text: 'Hello from Hermod',
    'dlr-mask': '31',
  });
  return `curl -i "${httpUrl(listen)}${listen.http.sendsms}?${query}"`;
}

/** Where the HTTP door is, from this machine. */
export function httpUrl({ http: { host, port, tls } }: Config['listen']): string {
  return `http${tls ? 's' : ''}://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
}
