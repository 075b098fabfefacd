// One number: what was sent to it, and how much of the clients' caps it has used; letting it have messages again.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { askLimits, letBeginAgain } from '#shared/doors/limits.ts';
import { maskNumber, parseRecipients } from '#shared/sms/number.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parsed } from './door.ts';
import { act, Refusal } from './server.ts';

const MOST_SHOWN = 100;
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

export function addNumbers(scope: FastifyInstance, bus: Bus): void {
  scope.get('/numbers', async ({ query }) => {
    const { number: to, hours } = parsed(search, query);
    const since = hours ? Math.round(Date.now() - hours * HOUR_MS) : 0;
    const [history, caps] = await Promise.all([
      bus.ask(LEDGER_RPC, { ask: 'list', to, since, limit: MOST_SHOWN }) as Promise<{ messages: unknown[] }>,
      askLimits(bus, to),
    ]).catch((error) => {
      throw new Refusal(503, reasonOf(error));
    });
    return { number: maskNumber(to), ...history, caps };
  });

  scope.post('/numbers/begin-again', { config: { needs: 'operator' } }, async (request) => {
    const { number: to } = parsed(chosen, request.body);
    return act(bus, request, { action: 'clear the counts', object: `number ${maskNumber(to)}` }, async () => {
      if ((await letBeginAgain(bus, { number: to })) === 0) throw new Refusal(503, 'no door answers');
      return {};
    });
  });
}
