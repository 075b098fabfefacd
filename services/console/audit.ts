// The audit log, for admins: read here, written by `act` and `note` (server.ts) and by the hermod command.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parsed } from './door.ts';
import { Refusal } from './server.ts';

const PAGE = 100;
const HOUR_MS = 3_600_000;
const word = z.string().max(100).optional();
const search = z.strictObject({
  user: word,
  action: word,
  object: word,
  /** Not older than so many hours. */
  hours: z.coerce.number().min(0).max(87_600).optional(),
  before: z.uuid().optional(),
});

export function addAudit(scope: FastifyInstance, bus: Bus): void {
  scope.get('/audit', { config: { needs: 'admin' } }, async ({ query }) => {
    const { hours, ...rest } = parsed(search, query);
    const sought = Object.fromEntries(Object.entries(rest).filter(([, value]) => value));
    const since = hours ? Math.round(Date.now() - hours * HOUR_MS) : 0;
    try {
      return await bus.ask(LEDGER_RPC, { ask: 'audit', ...sought, since, limit: PAGE });
    } catch (error) {
      throw new Refusal(503, reasonOf(error));
    }
  });
}
