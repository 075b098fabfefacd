// One's own account: the second factor set up, and all other sessions ended.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import type { SecondFactor } from './accounts.ts';
import { cookieName, type Listener, sessionCookie, tokenIn } from './cookie.ts';
import { parsed } from './door.ts';
import { act, Refusal } from './server.ts';
import type { Sessions } from './sessions.ts';

/** As people type it: with a space in its middle, perhaps. */
const code = z
  .string()
  .max(16)
  .transform((text) => text.replaceAll(/\s/g, ''))
  .pipe(z.string().regex(/^\d{6}$/, 'a code has six digits'));
const begun = z.strictObject({ code: code.optional() });
const confirmed = z.strictObject({ code });

/** As services/ledger/answers/second-factor.ts gives it. */
type Judged = { state: 'none' | 'wanted' | 'right' | 'wrong' | 'begun'; secret?: string; uri?: string };

const askSecondFactor = async (bus: Bus, question: { user: string; step: string; code?: string | undefined }) => {
  try {
    return (await bus.ask(LEDGER_RPC, { ask: 'second-factor', ...question })) as Judged;
  } catch (error) {
    throw new Refusal(503, `the second factor cannot be checked now: ${reasonOf(error)}`);
  }
};

/** Of those who log in: a code that is none is wrong without a question. */
export const secondFactorOf =
  (bus: Bus): SecondFactor =>
  async (user, given) => {
    if (given !== undefined && !code.safeParse(given).success) return 'wrong';
    const { state } = await askSecondFactor(bus, { user, step: 'check', code: given });
    return state as Awaited<ReturnType<SecondFactor>>;
  };

export function addAccount(scope: FastifyInstance, listener: Listener, sessions: Sessions, bus: Bus): void {
  const name = cookieName(listener);
  const local = ({ session }: FastifyRequest): string => {
    if (session!.way !== 'password')
      throw new Refusal(409, 'only accounts with a password here have a second factor here');
    return session!.user;
  };

  scope.get('/account', { config: { enrolling: true, byItself: true } }, async (request) => {
    const { user, role, way } = request.session!;
    if (way !== 'password') return { user, role, way };
    const { state } = await askSecondFactor(bus, { user, step: 'check' });
    return { user, role, way, secondFactor: state !== 'none' };
  });

  scope.post('/account/second-factor', { config: { enrolling: true } }, async (request) => {
    const user = local(request);
    const { state, secret, uri } = await askSecondFactor(bus, {
      user,
      step: 'begin',
      ...parsed(begun, request.body),
    });
    if (state === 'begun') return { secret, uri };
    throw new Refusal(409, 'give a code of the second factor that there is, or have an admin reset it');
  });

  scope.post(
    '/account/second-factor/confirm',
    { config: { enrolling: true } },
    async (request, reply: FastifyReply) => {
      const user = local(request);
      const given = parsed(confirmed, request.body);
      await act(bus, request, { action: 'second factor', object: `account ${user}` }, async () => {
        const { state } = await askSecondFactor(bus, { user, step: 'confirm', ...given });
        if (state === 'none') throw new Refusal(409, 'begin again: nothing waits to be confirmed');
        if (state === 'wrong')
          throw new Refusal(401, 'this code is not of this secret: is the clock of your phone right?');
      });
      // Who is proven now gets another token, and nobody else has one of theirs.
      const { role } = request.session!;
      sessions.endAll(user);
      return reply.header('set-cookie', sessionCookie(listener, sessions.open({ user, role }, 'password'))).send({});
    },
  );

  scope.post('/account/log-out-others', async (request) => {
    const { user } = request.session!;
    return act(bus, request, { action: 'log-out', object: `account ${user}`, detail: 'everywhere else' }, async () => ({
      ended: sessions.endAll(user, tokenIn(request, name)),
    }));
  });
}
