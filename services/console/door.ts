// Logging in and out: by name and password, with a code where the account needs one, or by the link that `npm start` prints.
import { setTimeout as pass } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { firstSms } from '#shared/config/first-sms.ts';
import type { Config } from '#shared/config/schema.ts';
import { Guesses } from '#shared/doors/guesses.ts';
import type { Accounts, Judged, Person } from './accounts.ts';
import { cookieName, sessionCookie, tokenIn } from './cookie.ts';
import { access, note, Refusal } from './server.ts';
import type { Session, Sessions } from './sessions.ts';

const logIn = z.strictObject({
  user: z.string().min(1).max(256),
  password: z.string().min(1).max(1_024),
  code: z.string().max(16).optional(),
});
const enter = z.strictObject({ token: z.string().min(1).max(256) });
const NOTED_WITHIN_MS = 2_000;
/** Refused log-ins in a minute that the audit log gets: the others are in the access log. */
const MOST_REFUSED = 60;
const MINUTE_MS = 60_000;

const REFUSED = {
  wrong: [401, 'wrong name or password'],
  'wrong code': [401, 'this code is wrong, too old, or was used already: wait for the next one'],
  'too many': [429, 'too many wrong ones: wait some minutes'],
} as const;
const LINK_REFUSED = 'this link was used, or is too old: restart Hermod for another';

/** Begins a session and writes it down. When the broker is away the console can still say so: the entry is written later. */
export async function begin(
  bus: Bus,
  sessions: Sessions,
  request: FastifyRequest,
  person: Person & Pick<Session, 'logOut'>,
  way: Session['way'],
): Promise<string> {
  await Promise.race([
    note(bus, request, person.user, { action: 'log-in', detail: way }, 'done'),
    pass(NOTED_WITHIN_MS),
  ]);
  return sessions.open(person, way);
}

const refused = new Guesses(MOST_REFUSED, MINUTE_MS);

/** Someone was not let in. Strangers do not fill the audit log: what is too much for it is in the access log. */
export function noteRefused(bus: Bus, request: FastifyRequest, user: string, detail: string): void {
  const deed = { action: 'log-in', detail };
  if (refused.tooMany('')) access(user, deed, request.ip, 'refused');
  else void note(bus, request, user, deed, 'refused');
  refused.note('');
}

export function addDoor(
  scope: FastifyInstance,
  config: Config,
  accounts: Accounts,
  sessions: Sessions,
  bus: Bus,
): void {
  const listener = config.listen.console!;
  const name = cookieName(listener);

  async function admit(
    request: FastifyRequest,
    reply: FastifyReply,
    user: string,
    judged: Judged,
    way: 'password' | 'link',
  ) {
    if (judged === 'code') return reply.send({ wants: 'code' });
    if (typeof judged === 'string') {
      noteRefused(bus, request, user, `${way}: ${judged}`);
      const [status, why] = REFUSED[judged];
      throw new Refusal(status, way === 'link' && status === 401 ? LINK_REFUSED : why);
    }
    const token = await begin(bus, sessions, request, judged, way);
    return reply.header('set-cookie', sessionCookie(listener, token)).send({ user: judged.user, role: judged.role });
  }

  scope.post('/login', { config: { needs: 'anyone' } }, async (request, reply) => {
    const { user, password, code } = parsed(logIn, request.body);
    // A name that is not one of ours may be a password in the wrong field: it is not written down.
    const known = Object.hasOwn(config.console.users, user) ? user : 'unknown';
    const judged = await accounts.logIn({ user, password, code: code?.replaceAll(/\s/g, ''), address: request.ip });
    return admit(request, reply, known, judged, 'password');
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
    const next = session?.logOut;
    return reply.header('set-cookie', sessionCookie(listener, undefined)).send(next ? { next } : {});
  });
  /** What the log-in page offers. */
  scope.get('/ways', { config: { needs: 'anyone' } }, async () => ({
    password: !config.console.oidc || Object.keys(config.console.users).length > 0,
    ...(config.console.oidc ? { singleSignOn: config.console.oidc.label } : {}),
  }));
  scope.get('/session', { config: { enrolling: true } }, async ({ session }) => {
    const { user, role, enrol } = session!;
    if (enrol) return { user, role, enrol };
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
