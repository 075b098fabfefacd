// Logging in and out: by name and password, or by the link that `npm start` prints.
import { setTimeout as pass } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { firstSms } from '#shared/config/first-sms.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Accounts, Judged } from './accounts.ts';
import { access, cookieName, isSecure, note, Refusal, tokenIn } from './server.ts';
import type { Sessions } from './sessions.ts';

const logIn = z.strictObject({ user: z.string().min(1).max(256), password: z.string().min(1).max(1_024) });
const NOTED_WITHIN_MS = 2_000;
const enter = z.strictObject({ token: z.string().min(1).max(256) });

export function addDoor(
  scope: FastifyInstance,
  config: Config,
  accounts: Accounts,
  sessions: Sessions,
  bus: Bus,
): void {
  const listener = config.listen.console!;
  const name = cookieName(listener);
  const attributes = `; Path=/; HttpOnly; SameSite=Strict${isSecure(listener) ? '; Secure' : ''}`;

  async function admit(request: FastifyRequest, reply: FastifyReply, user: string, judged: Judged, way: string) {
    if (judged === 'too many') {
      access(user, { action: 'log-in', detail: 'too many wrong ones' }, request.ip, 'refused');
      throw new Refusal(429, 'too many wrong ones from here: wait a minute');
    }
    if (judged === 'wrong') {
      void note(bus, request, user, { action: 'log-in', detail: way }, 'refused');
      const why =
        way === 'link' ? 'this link was used, or is too old: restart Hermod for another' : 'wrong name or password';
      throw new Refusal(401, why);
    }
    // When the broker is away the console can still say so: the entry is written when it is back.
    await Promise.race([
      note(bus, request, judged.user, { action: 'log-in', detail: way }, 'done'),
      pass(NOTED_WITHIN_MS),
    ]);
    const token = sessions.open(judged.user, judged.role);
    return reply.header('set-cookie', `${name}=${token}${attributes}`).send({ user: judged.user, role: judged.role });
  }

  scope.post('/login', { config: { needs: 'anyone' } }, async (request, reply) => {
    const { user, password } = parsed(logIn, request.body);
    // A name that is not one of ours may be a password in the wrong field: it is not written down.
    const known = Object.hasOwn(config.console.users, user) ? user : 'unknown';
    return admit(request, reply, known, await accounts.logIn(user, password, request.ip), 'password');
  });
  scope.post('/enter', { config: { needs: 'anyone' } }, async (request, reply) => {
    const { token } = parsed(enter, request.body);
    return admit(request, reply, 'first-run', accounts.enter(token, request.ip), 'link');
  });
  scope.post('/logout', { config: { needs: 'anyone' } }, async (request, reply) => {
    const token = tokenIn(request, name);
    const session = sessions.find(token, false);
    if (token && session) {
      sessions.end(token);
      void note(bus, request, session.user, { action: 'log-out' }, 'done');
    }
    return reply.header('set-cookie', `${name}=; Max-Age=0${attributes}`).send({});
  });
  scope.get('/session', async ({ session }) => {
    const { user, role } = session!;
    // In a sandbox the line has the client's password: for who could read it in the file.
    const line = firstSms(role === 'admin' ? config : { ...config, sandbox: undefined });
    return {
      user,
      role,
      firstSms: line,
      ...(config.sandbox ? { sandbox: `http://127.0.0.1:${config.sandbox.page}/` } : {}),
      clients: Object.keys(config.clients),
      providers: Object.keys(config.providers),
    };
  });
}

/** What a request brought, or a refusal that names the field. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new Refusal(400, `${path.join('.') || 'the request'}: ${message}`);
}
