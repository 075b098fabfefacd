// ingress-smtp. The mail door: rules of the configuration turn a mail into messages. Writes accepted messages to the
// exchange `submit`; answers 250 only after the broker's confirm of all messages of the mail. Relays for nobody.
import { readPems } from '#shared/doors/pems.ts';
import { serveRefusals } from '#shared/doors/refusals.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { MailDoor } from './door.ts';
import { openReader } from './reader.ts';
import { openRepeats } from './repeats.ts';
import { take } from './take.ts';

export const ingressSmtp: Service = {
  name: 'ingress-smtp',
  async start({ config, dir, bus, log }: Context) {
    const listener = config.listen.smtp;
    if (!listener) throw new Error('the configuration has no listen.smtp: add it, or do not start ingress-smtp');
    const tls = readPems('smtp', listener.tls, dir);
    const means = { clients: config.clients, bus, log, reader: openReader(), repeats: openRepeats() };
    await serveRefusals(bus, 'smtp');
    const door = new MailDoor({
      config,
      listener,
      tls,
      log,
      isOpen: () => bus.isOpen(),
      take: (arrived) => take(arrived, means),
    });
    await door.listen().catch(async (error) => {
      await door.stop();
      await means.reader.close();
      throw portError(error, 'listen.smtp');
    });
    return {
      async stop() {
        await door.stop();
        await means.reader.close();
      },
    };
  },
};

if (import.meta.main) await runServices([ingressSmtp]);
