// Dead letters: listed with their texts hidden, sent again, or thrown away.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import { drop, type Letter, outline, sendAgain, withLetters } from '#shared/bus/letters.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { DEAD_KINDS } from '#shared/topology.ts';
import { parsed } from './door.ts';
import type { Watch } from './now.ts';
import { act, Refusal } from './server.ts';

const MOST_SHOWN = 200;
const chosen = z.strictObject({
  keys: z
    .array(z.string().regex(/^[0-9a-f]{8}$/))
    .min(1)
    .max(MOST_SHOWN),
});

export function addLetters(scope: FastifyInstance, bus: Bus, watch: Watch): void {
  const withAll = <T>(work: (letters: Letter[]) => Promise<T>): Promise<T> =>
    watch
      .whileReading(() => withLetters(bus, DEAD_KINDS, work))
      .catch((error) => {
        throw error instanceof Refusal ? error : new Refusal(503, reasonOf(error));
      });

  /** Does something with the letters of these keys; those that are gone, or cannot be, stay out of the count. */
  async function each(request: FastifyRequest, action: string, work: (letter: Letter) => Promise<void>) {
    const { keys } = parsed(chosen, request.body);
    return withAll(async (letters) => {
      const faults: string[] = [];
      let done = 0;
      for (const key of new Set(keys)) {
        const letter = letters.find((one) => one.key === key);
        const once = async () => {
          if (!letter) throw new Error('it is not there any more');
          await work(letter);
        };
        const fault = await faultOf(() => act(bus, request, { action, object: `letter ${key}` }, once));
        if (fault) faults.push(`${key}: ${fault}`);
        else done++;
      }
      if (done === 0) throw new Refusal(409, faults[0]!);
      return { done, faults };
    });
  }

  scope.get('/letters', () =>
    withAll(async (letters) => ({ all: letters.length, letters: letters.slice(0, MOST_SHOWN).map(view) })),
  );
  scope.post('/letters/again', { config: { needs: 'operator' } }, (request) =>
    each(request, 'send again', async (letter) => {
      if (letter.fault) throw new Error(`it cannot be sent again: ${letter.fault}`);
      await sendAgain(bus, letter);
    }),
  );
  scope.post('/letters/discard', { config: { needs: 'admin' } }, (request) =>
    each(request, 'discard', (letter) => drop(bus, letter)),
  );
}

const faultOf = (work: () => Promise<void>): Promise<string | undefined> => work().then(() => undefined, reasonOf);

const view = ({ key, kind, at, queue, reason, fault, envelopes }: Letter) => ({
  key,
  kind,
  at,
  queue,
  reason,
  ...(fault ? { fault } : {}),
  envelopes: envelopes.map((envelope) => ({
    ...outline(envelope),
    ...('expiry' in envelope ? { expiry: Number(envelope.expiry) } : {}),
  })),
});
