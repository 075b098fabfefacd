// Messages: searched, one with its story, a scheduled one cancelled, a final one sent again, a number or a text revealed.
// All from the ledger.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { httpUrl } from '#shared/config/first-sms.ts';
import type { Config } from '#shared/config/schema.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parsed } from './door.ts';
import { act, Refusal } from './server.ts';

const optional = (schema: z.ZodType<string>) => z.union([z.literal(''), schema]).optional();

const search = z.strictObject({
  client: optional(z.string().max(64)),
  provider: optional(z.string().max(32)),
  state: optional(z.string().max(16)),
  /** The last digits of the number, or all of it, as a person writes it. */
  number: z
    .string()
    .max(40)
    .transform((text) => text.replaceAll(/[ +()./-]/g, '').replace(/^0+(?=\d{7})/, ''))
    .pipe(z.union([z.literal(''), z.string().regex(/^\d{3,15}$/, 'write 3 to 15 digits: the last ones, or all')]))
    .optional(),
  /** Not older than so many hours. */
  hours: z.coerce.number().min(0).max(87_600).optional(),
  before: z.uuid().optional(),
});
const params = z.strictObject({ id: z.uuid('no message has such an id') });

const PAGE = 50;
const HOUR_MS = 3_600_000;

export function addMessages(scope: FastifyInstance, bus: Bus, { listen }: Config): void {
  const ask = async <T>(question: Record<string, unknown>): Promise<T> => {
    try {
      return (await bus.ask(LEDGER_RPC, question)) as T;
    } catch (error) {
      throw new Refusal(503, reasonOf(error));
    }
  };
  const idIn = (value: unknown) => parsed(params, value).id.toLowerCase();

  scope.get('/messages', ({ query }) => {
    const { number, hours, ...rest } = parsed(search, query);
    const sought = Object.entries({ ...rest, digits: number }).filter(([, value]) => value);
    const since = hours ? Math.round(Date.now() - hours * HOUR_MS) : 0;
    return ask({ ask: 'list', ...Object.fromEntries(sought), since, limit: PAGE });
  });

  scope.get('/messages/:id', { config: { byItself: true } }, async ({ params }) => {
    const story = await ask<object | null>({ ask: 'story', id: idIn(params) });
    if (!story) throw new Refusal(404, 'no message has this id (a new one may take a moment)');
    return { ...story, url: httpUrl(listen) };
  });

  scope.post('/messages/:id/cancel', { config: { needs: 'operator' } }, (request) => {
    const id = idIn(request.params);
    return act(bus, request, { action: 'cancel', object: `message ${id}` }, async () => {
      const { state } = await ask<{ state: string }>({ ask: 'cancel', id });
      if (state === 'unknown') throw new Refusal(404, 'no message has this id');
      if (state !== 'cancelled') throw new Refusal(409, 'too late: it is on its way, or has ended');
      return { state };
    });
  });

  scope.post('/messages/:id/again', { config: { needs: 'operator' } }, (request) => {
    const id = idIn(request.params);
    return act(bus, request, { action: 'send again', object: `message ${id}` }, async () => {
      const made = await ask<{ id: string } | { refused: string }>({ ask: 'again', id });
      if ('refused' in made) throw new Refusal(409, `it cannot be sent again: ${made.refused}`);
      return made;
    });
  });

  // A one-time password is as good as a key: only who may do everything sees one.
  scope.post('/messages/:id/text', { config: { needs: 'admin' } }, (request) => {
    const id = idIn(request.params);
    return act(bus, request, { action: 'reveal text', object: `message ${id}` }, async () => {
      const text = await ask<string | null>({ ask: 'text', id });
      if (text === null) throw new Refusal(404, 'the text of this message is not kept');
      return { text };
    });
  });

  scope.post('/messages/:id/reveal', { config: { needs: 'operator' } }, (request) => {
    const id = idIn(request.params);
    return act(bus, request, { action: 'reveal', object: `message ${id}` }, async () => {
      const to = await ask<string | null>({ ask: 'number', id });
      if (to === null) throw new Refusal(404, 'no message has this id');
      return { to };
    });
  });
}
