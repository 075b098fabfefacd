// A console as a process of its own beside a rig, with its access log, and a client that keeps the cookie.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { VERSION } from '#shared/messages/envelope.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { deadQueue, routerQueue } from '#shared/topology.ts';
import { startChild } from '../../deploy/child.ts';
import type { Rig } from './rig.ts';

export type Console = {
  url: string;
  pid: number;
  /** What it wrote down, one object for each line. */
  access(): Record<string, unknown>[];
  /** Everything that the process wrote. */
  output: string[];
  stop(): Promise<void>;
};

/** `entry` is the token of the one-time link. `rig`'s configuration has to have a listen.console with this port. */
export async function startConsole(rig: Rig, port: number, entry = ''): Promise<Console> {
  const accessLog = join(rig.dir, 'access.log');
  const output: string[] = [];
  const child = startChild({
    services: ['console'],
    configFile: rig.configFile,
    amqpUrl: rig.amqpUrl,
    adminPort: 0,
    firstEnv: { HERMOD_ACCESS_LOG: accessLog, HERMOD_LOG_LEVEL: 'info', HERMOD_CONSOLE_ENTRY: entry },
    output: (line) => output.push(line),
    say: (line) => output.push(line),
  });
  await child.ready;
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid()!,
    access: () =>
      readFileSync(accessLog, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    output,
    stop: () => child.stop(),
  };
}

type Answer = { status: number; headers: Headers; body: Record<string, unknown> };

export type Visitor = {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** As it was set, with its attributes. */
  cookie(): string;
};

/** Someone at a browser: sends the console's origin, and the cookie that it was given. */
export function visitor(url: string): Visitor {
  let cookie = '';
  const call = async (method: string, path: string, body: unknown, headers: Record<string, string>) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        cookie: cookie.split(';')[0]!,
        ...(method === 'POST' ? { origin: url, 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    cookie = answer.headers.get('set-cookie') ?? cookie;
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : { text } };
  };
  return {
    get: (path, headers = {}) => call('GET', path, undefined, headers),
    post: (path, body = {}, headers = {}) => call('POST', path, body, headers),
    cookie: () => cookie,
  };
}

/** A dead letter with a message to this number, as a service puts it aside. */
export async function putAside({ amqpUrl }: Rig, id: string, to: string): Promise<void> {
  const at = Date.now();
  const ends = { expiry: at + 600_000, handover: 2, attempts: 0, segments: 1, traceparent: '' };
  const from = { client: 'tester', door: 'http', lane: 'urgent', from: '12345', text: 'Your code is 424242' } as const;
  const body = { v: VERSION.sms, type: 'sms', id, at, to, given: to, ...from, ...ends } satisfies Sms;
  const reason = 'handled twice, and the service ended each time';
  const model = await connect(amqpUrl);
  const channel = await model.createConfirmChannel();
  const letter = JSON.stringify({ v: 1, at, queue: routerQueue('urgent'), reason, body });
  channel.sendToQueue(deadQueue('message'), Buffer.from(letter), { persistent: true, type: 'dead' });
  await channel.waitForConfirms();
  await model.close();
}
