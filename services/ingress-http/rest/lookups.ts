// What became of messages, and taking back what is scheduled: the ledger's answers, for the client that asks.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { parseRecipients } from '#shared/sms/number.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import type { Means } from '../mounted.ts';
import { answers } from './openapi.ts';
import { Problem } from './problems.ts';
import { cancelAnswer, idParams, listAnswer, listQuery, messageAnswer } from './schemas.ts';

/** As the doors that have a provider's shape write it. */
const HEX_ID = /^(?:SM)?([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const LEDGER_RETRY_S = 5;

type Fields = Record<string, unknown>;

export function addLookUps(app: FastifyInstance, { bus }: Means): void {
  const ask = async (question: Fields): Promise<unknown> => {
    try {
      return await bus.ask(LEDGER_RPC, question);
    } catch (error) {
      throw new Problem('unavailable', reasonOf(error), { retryAfterS: LEDGER_RETRY_S });
    }
  };

  app.get(
    '/messages/:id',
    {
      schema: {
        summary: 'The story of a message',
        params: idParams,
        response: answers(
          { 200: { description: 'What is known of it.', schema: messageAnswer } },
          ...(['not-found', 'unavailable'] as const),
        ),
      } as object,
    },
    async ({ params, verified }) => {
      const found = await ask({ ask: 'message', id: idOf(params), client: verified!.name });
      if (!found) throw unknownMessage();
      const { attempts, callbacksWaiting, ...message } = found as Fields & { attempts: Fields[] };
      return { ...messageOf(message), attempts: attempts.map(attemptOf), callbacksWaiting };
    },
  );

  app.get(
    '/messages',
    {
      schema: {
        summary: 'Messages of the client, newest first',
        querystring: listQuery,
        response: answers(
          { 200: { description: 'A page of them.', schema: listAnswer } },
          ...(['invalid-request', 'invalid-recipient', 'unavailable'] as const),
        ),
      } as object,
    },
    async ({ query, verified }) => {
      const { to, since, ...rest } = query as z.output<typeof listQuery>;
      const { name, client } = verified!;
      const question = {
        ...rest,
        ...(to === undefined ? {} : { to: numberOf(to, client.country) }),
        ...(since === undefined ? {} : { since: Date.parse(since) }),
      };
      const { messages, next } = (await ask({ ask: 'list', client: name, ...question })) as {
        messages: Fields[];
        next?: string;
      };
      return { messages: messages.map(messageOf), ...(next ? { next } : {}) };
    },
  );

  app.delete(
    '/messages/:id',
    {
      schema: {
        summary: 'Take back a message that is scheduled',
        params: idParams,
        response: answers(
          { 200: { description: 'It will not be sent.', schema: cancelAnswer } },
          ...(['not-found', 'too-late', 'unavailable'] as const),
        ),
      } as object,
    },
    async ({ params, verified }) => {
      const id = idOf(params);
      const { state } = (await ask({ ask: 'cancel', id, client: verified!.name })) as { state: string };
      if (state === 'unknown') throw unknownMessage();
      if (state !== 'cancelled') throw new Problem('too-late', 'it is on its way, or has ended');
      return { id, state };
    },
  );
}

const unknownMessage = () => new Problem('not-found', 'no message of yours has this id (a new one may take a moment)');

function idOf(params: unknown): string {
  const id = (params as { id: string }).id.replace(HEX_ID, '$1-$2-$3-$4-$5');
  if (!UUID.test(id)) throw new Problem('not-found', 'this is not a message id');
  return id.toLowerCase();
}

function numberOf(to: string, country: string | undefined): string {
  const parsed = parseRecipients(to, country ? { defaultCountry: country } : {});
  if (!parsed.ok) throw new Problem('invalid-recipient', parsed.reason);
  if (parsed.numbers.length > 1) throw new Problem('invalid-recipient', 'these are several numbers');
  return parsed.numbers[0]!.e164;
}

const iso = (ms: unknown) => (ms === null || ms === undefined ? null : new Date(Number(ms)).toISOString());

/** Times as RFC 3339. What an older or newer ledger says besides is left out. */
const messageOf = ({ acceptedAt, expiry, stateAt, ...rest }: Fields) =>
  pick({ ...rest, acceptedAt: iso(acceptedAt), expiry: iso(expiry), stateAt: iso(stateAt) }, MESSAGE);
const attemptOf = ({ at, receiptAt, ...rest }: Fields) =>
  pick({ ...rest, at: iso(at), receiptAt: iso(receiptAt) }, ATTEMPT);

const MESSAGE = Object.keys(listAnswer.shape.messages.element.shape);
const ATTEMPT = Object.keys(messageAnswer.shape.attempts.element.shape);
const pick = (from: Fields, names: readonly string[]) => Object.fromEntries(names.map((name) => [name, from[name]]));
