// sandbox: an SMSC and a handset on this machine. Reads submit_sm over SMPP; answers with ids and receipts; shows the
// messages on a page, as JSON and as one line each on stdout. Writes nothing to disk and listens on loopback
// unless HERMOD_SANDBOX_HOST says otherwise.
import { parseArgs } from 'node:util';
import { createHttpServer } from './http.ts';
import { Inbox } from './inbox.ts';
import { printer } from './print.ts';
import { type Smsc, startSmsc } from './smsc.ts';

const LOOPBACK = '127.0.0.1';

export type SandboxOptions = {
  /** Loopback unless given: whoever reaches it can read what was sent. */
  host?: string | undefined;
  /** Default 2775; 0: any free port. */
  smppPort?: number | undefined;
  /** Default 2780; 0: any free port. */
  httpPort?: number | undefined;
  /** The one login; without a system_id anyone may bind. */
  systemId?: string | undefined;
  password?: string | undefined;
  /** Gets one line for each message that arrived, with its text; at most 20 a second. Without it nothing is said. */
  log?: ((line: string) => void) | undefined;
};
export type Sandbox = { smppPort: number; httpPort: number; smsc: Smsc; stop(): Promise<void> };

/** Starts SMSC and page. Rejects with an error of one line, nothing left open, if a port is taken. */
export async function startSandbox({
  host = LOOPBACK,
  smppPort = 2775,
  httpPort = 2780,
  systemId,
  password = '',
  log,
}: SandboxOptions = {}): Promise<Sandbox> {
  const accounts = systemId === undefined ? {} : { accounts: [{ systemId, password }] };
  const smsc = await startSmsc({ host, port: smppPort, ...accounts }).catch((error) => {
    throw portError(error, host, smppPort, 'HERMOD_SANDBOX_SMPP_PORT');
  });
  const inbox = new Inbox();
  const print = log === undefined ? undefined : printer(log);
  smsc.onSubmit((received) => {
    if (received.commandStatus !== 0) return;
    const message = inbox.add(received);
    if (message !== undefined) print?.(message);
  });
  const http = createHttpServer(smsc, inbox);
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(httpPort, host, resolve);
  }).catch(async (error) => {
    await smsc.stop();
    throw portError(error, host, httpPort, 'HERMOD_SANDBOX_HTTP_PORT');
  });
  return {
    smppPort: smsc.port,
    httpPort: (http.address() as { port: number }).port,
    smsc,
    async stop() {
      http.closeAllConnections();
      await Promise.all([smsc.stop(), new Promise((resolve) => http.close(resolve))]);
    },
  };
}

function portError(error: NodeJS.ErrnoException, host: string, port: number, variable: string): Error {
  if (error.code !== 'EADDRINUSE') return new Error(`sandbox: cannot listen on ${host}:${port}: ${error.message}`);
  return new Error(`sandbox: port ${port} on ${host} is taken; free it or set ${variable} to another port`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { 'smpp-port': { type: 'string' }, 'http-port': { type: 'string' } } });
  const { env } = process;
  const host = env.HERMOD_SANDBOX_HOST ?? LOOPBACK;
  const sandbox = await startSandbox({
    host,
    smppPort: readPort(values['smpp-port'] ?? env.HERMOD_SANDBOX_SMPP_PORT),
    httpPort: readPort(values['http-port'] ?? env.HERMOD_SANDBOX_HTTP_PORT),
    systemId: env.HERMOD_SANDBOX_SYSTEM_ID,
    password: env.HERMOD_SANDBOX_PASSWORD,
    log: console.log,
  });
  console.log(`sandbox: SMPP on ${host}:${sandbox.smppPort}, messages at http://${host}:${sandbox.httpPort}/`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => sandbox.stop());
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`sandbox: "${text}" is no port; give a number from 0 to 65535`);
}

if (import.meta.main) {
  main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
