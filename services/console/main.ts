// console. For people with a browser: messages and their stories, providers, queues and dead letters, and putting things
// right. Asks the ledger on `ledger.rpc`, hears the exchange `health`, looks at the depths of all queues, reads
// `dead.<kind>` and publishes what is sent again from there.
import type { Server as TlsServer } from 'node:tls';
import { followPems, readPems } from '#shared/doors/pems.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { addAccount, secondFactorOf } from './account.ts';
import { openAccounts } from './accounts.ts';
import { addAssets } from './assets.ts';
import { addAudit } from './audit.ts';
import { addClients } from './clients.ts';
import { addConfiguration } from './configuration.ts';
import { openDenials } from './denials.ts';
import { addDoor } from './door.ts';
import { addLetters } from './letters.ts';
import { addLive } from './live.ts';
import { addMessages } from './messages.ts';
import { openWatch } from './now.ts';
import { addNumbers } from './numbers.ts';
import { addProviders } from './providers.ts';
import { guard, openServer } from './server.ts';
import { openSessions } from './sessions.ts';
import { addWhy } from './why.ts';

const ENTRY = 'HERMOD_CONSOLE_ENTRY';

export const consoleService: Service = {
  name: 'console',
  async start({ config, file, dir, bus, log }: Context) {
    const listener = config.listen.console;
    if (!listener) throw new Error('the configuration has no listen.console: add it, or do not start console');
    const entry = process.env[ENTRY];
    // Programs that this process starts have no business with it.
    delete process.env[ENTRY];
    const { users, oidc } = config.console;
    if (!entry && !oidc && Object.keys(users).length === 0)
      log.warn('nobody can log in: the configuration has neither console.users nor console.oidc');
    const accounts = openAccounts(config.console, entry, secondFactorOf(bus));
    const sessions = openSessions(config.console);
    const denials = openDenials(bus);
    const watch = await openWatch(bus, config, denials);
    const app = openServer(listener, readPems('console', listener.tls, dir), log);
    addAssets(app);
    await app.register(
      async (scope) => {
        guard(scope, listener, sessions, bus);
        addDoor(scope, config, accounts, sessions, bus);
        if (oidc) (await import('./oidc.ts')).addOidc(scope, listener, oidc, sessions, bus);
        addAccount(scope, listener, sessions, bus);
        addLive(scope, watch, sessions, listener, log);
        addMessages(scope, bus, config);
        addWhy(scope, bus, config);
        addProviders(scope, bus, config);
        addClients(scope, bus, config, watch, denials);
        addNumbers(scope, bus, config);
        addLetters(scope, bus, watch);
        addAudit(scope, bus);
        await addConfiguration(scope, bus, file);
      },
      { prefix: '/api' },
    );
    await app.listen({ host: listener.host, port: listener.port }).catch((error) => {
      throw portError(error, 'listen.console');
    });
    const unfollow = followPems('console', listener.tls, { dir, log }, (renewed) => {
      (app.server as unknown as TlsServer).setSecureContext(renewed);
    });
    return {
      stop: () => {
        unfollow();
        return app.close();
      },
    };
  },
};

if (import.meta.main) await runServices([consoleService]);
