// Clients: what they sent in the last hour, their limits and how much of them is used, callbacks that wait, and refusals;
// letting one begin its day's quota again.
import type { FastifyInstance } from 'fastify';
import type { Bus } from '#shared/bus/bus.ts';
import type { Client, Config } from '#shared/config/schema.ts';
import { askLimits, letBeginAgain } from '#shared/doors/limits.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import type { Denials } from './denials.ts';
import type { Watch } from './now.ts';
import { act, Refusal } from './server.ts';

type Waiting = { client: string; waiting: number; oldest: number };

const MOST_DENIALS = 200;
const LIMITS_WITHIN_MS = 500;

export function addClients(
  scope: FastifyInstance,
  bus: Bus,
  { clients }: Config,
  watch: Watch,
  denials: Denials,
): void {
  scope.get('/clients', { config: { byItself: true } }, async () => {
    const [{ flow }, used, waiting, refused] = await Promise.all([
      watch.now(),
      askLimits(bus, undefined, LIMITS_WITHIN_MS),
      bus.ask(LEDGER_RPC, { ask: 'callbacks' }) as Promise<Waiting[]>,
      denials.fresh(),
    ]).catch((error) => {
      throw new Refusal(503, reasonOf(error));
    });
    const rows = Object.entries(clients).map(([client, row]) => ({
      client,
      ...settingsOf(row),
      accepted: flow.clients.find((one) => one.client === client)?.accepted ?? { minute: 0, hour: 0 },
      quotaUsed: used.find((one) => one.client === client)?.used,
      callbacks: waiting.find((one) => one.client === client),
      refused: refused.filter((one) => one.client === client).reduce((sum, { count }) => sum + count, 0),
    }));
    return { since: flow.since, clients: rows, denials: refused.slice(0, MOST_DENIALS) };
  });

  scope.post<{ Params: { name: string } }>(
    '/clients/:name/begin-again',
    { config: { needs: 'operator' } },
    async (request) => {
      const client = request.params.name;
      if (!Object.hasOwn(clients, client)) throw new Refusal(404, 'there is no client of this name');
      return act(bus, request, { action: 'clear the counts', object: `client ${client}` }, async () => {
        if ((await letBeginAgain(bus, { client })) === 0) throw new Refusal(503, 'no door answers');
        return {};
      });
    },
  );
}

/** Nothing secret: no password, no key, no list of numbers. */
const settingsOf = ({ lane, kind, rate, dailyQuota, networks, deniedNetworks, validity, sender }: Client) => ({
  ...{ lane, kind, rate, dailyQuota, validity, sender },
  networks: networks?.length,
  deniedNetworks: deniedNetworks?.length,
});
