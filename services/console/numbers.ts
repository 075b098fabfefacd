// One number: what was sent to it, how much of the clients' caps it has used, and who may not send to it any more; letting
// it have messages again, and the suppression lists.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { askLimits, letBeginAgain } from '#shared/doors/limits.ts';
import { maskNumber, parseRecipients } from '#shared/sms/number.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parsed } from './door.ts';
import { act, Refusal } from './server.ts';

const MOST_SHOWN = 100;
const LIMITS_WITHIN_MS = 500;
const HOUR_MS = 3_600_000;

/** E.164 digits, of a number as a person writes it: with its country code. */
const number = z
  .string()
  .max(40)
  .transform((text, context) => {
    const read = parseRecipients(text);
    if (read.ok && read.numbers.length === 1) return read.numbers[0]!.e164;
    context.addIssue({ code: 'custom', message: read.ok ? 'one number at a time' : read.reason });
    return z.NEVER;
  });
const search = z.strictObject({ number, hours: z.coerce.number().min(0).max(87_600).default(168) });
const chosen = z.strictObject({ number });

const listed = z.strictObject({ number, client: z.string().max(64), suppressed: z.boolean() });

export function addNumbers(scope: FastifyInstance, bus: Bus, { clients }: Config): void {
  scope.get('/suppressed', () =>
    bus.ask(LEDGER_RPC, { ask: 'suppressed', limit: MOST_SHOWN }).catch((error) => {
      throw new Refusal(503, reasonOf(error));
    }),
  );

  scope.post('/numbers/suppress', { config: { needs: 'operator' } }, async (request) => {
    const { number: to, client, suppressed } = parsed(listed, request.body);
    // Of a client that is no more a number can still be taken off.
    if (suppressed && !Object.hasOwn(clients, client)) throw new Refusal(404, 'there is no client of this name');
    const deed = {
      action: suppressed ? 'suppress' : 'unsuppress',
      object: `number ${maskNumber(to)}`,
      detail: `client ${client}`,
    };
    return act(bus, request, deed, () =>
      bus.ask(LEDGER_RPC, { ask: 'suppress', client, number: to, suppressed, source: 'console' }),
    );
  });

  scope.get('/numbers', async ({ query }) => {
    const { number: to, hours } = parsed(search, query);
    const since = hours ? Math.round(Date.now() - hours * HOUR_MS) : 0;
    const [history, caps, { numbers: suppressed }] = await Promise.all([
      bus.ask(LEDGER_RPC, { ask: 'list', to, since, limit: MOST_SHOWN }) as Promise<{ messages: unknown[] }>,
      askLimits(bus, to, LIMITS_WITHIN_MS),
      bus.ask(LEDGER_RPC, { ask: 'suppressed', number: to }) as Promise<{ numbers: unknown[] }>,
    ]).catch((error) => {
      throw new Refusal(503, reasonOf(error));
    });
    return { number: maskNumber(to), ...history, caps, suppressed };
  });

  scope.post('/numbers/begin-again', { config: { needs: 'operator' } }, async (request) => {
    const { number: to } = parsed(chosen, request.body);
    return act(bus, request, { action: 'clear the counts', object: `number ${maskNumber(to)}` }, async () => {
      if ((await letBeginAgain(bus, { number: to })) === 0) throw new Refusal(503, 'no door answers');
      return {};
    });
  });
}
