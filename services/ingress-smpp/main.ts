// ingress-smpp. The SMPP door: an SMPP 3.4 server for clients. Writes accepted messages to the exchange `submit`, and
// answers submit_sm only after the broker's confirm; reads deliver.<client> while that client has a session for
// receipts, and reports `told` to the ledger; asks the ledger for query_sm.
import { serveLimits } from '#shared/doors/limits.ts';
import { serveLists } from '#shared/doors/lists.ts';
import { followPems, readPems } from '#shared/doors/pems.ts';
import { serveRefusals } from '#shared/doors/refusals.ts';
import { followSuppressed } from '#shared/doors/suppressed.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { tellCounts } from '#shared/telemetry/counts.ts';
import { SmppDoor } from './door.ts';

export const ingressSmpp: Service = {
  name: 'ingress-smpp',
  async start({ config, file, dir, bus, log }: Context) {
    const listener = config.listen.smpp;
    if (!listener) throw new Error('the configuration has no listen.smpp: add it, or do not start ingress-smpp');
    const door = new SmppDoor({ config, listener, pems: readPems('smpp', listener.tls, dir), bus, log });
    await serveRefusals(bus, 'smpp');
    await serveLists(bus, { config, file });
    await followSuppressed(bus, log);
    await serveLimits(bus, config);
    await door.listen().catch(async (error) => {
      await door.stop();
      throw portError(error, 'listen.smpp');
    });
    const unfollow = followPems('smpp', listener.tls, { dir, log }, (pems) => door.renew(pems));
    const untell = [tellCounts(bus, 'accepted', { door: 'smpp' }), tellCounts(bus, 'refused', { door: 'smpp' })];
    return {
      stop() {
        for (const end of untell) end();
        unfollow();
        return door.stop();
      },
    };
  },
};

if (import.meta.main) await runServices([ingressSmpp]);
