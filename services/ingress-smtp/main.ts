// ingress-smtp. The mail door: rules of the configuration turn a mail into messages. Writes accepted messages to the
// exchange `submit`; answers 250 only after the broker's confirm of all messages of the mail. Relays for nobody.
import { serveLimits } from '#shared/doors/limits.ts';
import { serveLists } from '#shared/doors/lists.ts';
import { followPems, readPems } from '#shared/doors/pems.ts';
import { serveRefusals } from '#shared/doors/refusals.ts';
import { followSuppressed } from '#shared/doors/suppressed.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { tellCounts } from '#shared/telemetry/counts.ts';
import { MailDoor } from './door.ts';
import { listenersOf } from './listeners.ts';
import { openReader, type Reader } from './reader.ts';
import { openRepeats } from './repeats.ts';
import { take } from './take.ts';

/** Its thread loads what a mail may need. */
let prepared: Reader | undefined;

export const ingressSmtp: Service = {
  name: 'ingress-smtp',
  prepare() {
    prepared = openReader();
  },
  async start({ config, file, dir, bus, log }: Context) {
    const listening = listenersOf(config.listen);
    if (listening.length === 0) {
      throw new Error(
        'the configuration has neither listen.smtp nor listen.smtps: add one, or do not start ingress-smtp',
      );
    }
    const pems = listening.map(({ name, files }) => readPems(name, files, dir));
    const reader = prepared ?? openReader();
    prepared = undefined;
    const means = { clients: config.clients, bus, log, reader, repeats: openRepeats() };
    const doors: MailDoor[] = [];
    const unfollow = [tellCounts(bus, 'accepted', { door: 'smtp' }), tellCounts(bus, 'refused', { door: 'smtp' })];
    const stop = async () => {
      for (const end of unfollow) end();
      await Promise.all(doors.map((door) => door.stop()));
      await means.reader.close();
    };
    await serveRefusals(bus, 'smtp');
    await serveLists(bus, { config, file });
    await followSuppressed(bus, log);
    await serveLimits(bus, config);
    for (const [i, { name, listener, files }] of listening.entries()) {
      const door = new MailDoor({
        config,
        listener,
        tls: pems[i],
        log,
        isOpen: () => bus.isOpen(),
        take: (arrived) => take(arrived, means),
      });
      doors.push(door);
      await door.listen().catch(async (error) => {
        await stop();
        throw portError(error, `listen.${name}`);
      });
      unfollow.push(followPems(name, files, { dir, log }, (renewed) => door.renew(renewed)));
    }
    return { stop };
  },
};

if (import.meta.main) await runServices([ingressSmtp]);
