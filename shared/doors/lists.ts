// White and black lists that change while the gateway runs: every door reads them anew when it is asked, and all of them
// or, where the file is wrong, none.
import type { Bus } from '../bus/bus.ts';
import { type Loaded, loadConfig } from '../config/load.ts';
import { reasonOf } from '../telemetry/log.ts';

type Reloaded = { fault?: string };

/** Answers a reload with the lists of the file as it is now; other settings stay as they are until the next start. */
export const serveLists = (bus: Bus, { config, file }: Pick<Loaded, 'config' | 'file'>): Promise<void> =>
  bus.listen((item, reply) => {
    if (item.kind !== 'ask' || item.what !== 'reload-lists') return;
    try {
      const { clients } = loadConfig(file).config;
      for (const [name, client] of Object.entries(config.clients)) {
        client.whiteList = clients[name]?.whiteList;
        client.blackList = clients[name]?.blackList;
      }
      reply({} satisfies Reloaded);
    } catch (error) {
      reply({ fault: reasonOf(error) } satisfies Reloaded);
    }
  });

/** Asks all doors of all replicas; what went wrong at some of them. */
export async function reloadLists(bus: Bus, forMs = 1_000): Promise<string[]> {
  const answers = (await bus.askAll({ kind: 'ask', what: 'reload-lists' }, forMs)) as Reloaded[];
  if (answers.length === 0) return ['no door answered'];
  return [...new Set(answers.flatMap(({ fault }) => (fault ? [fault] : [])))];
}
