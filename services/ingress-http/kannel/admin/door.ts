// Kannel's admin port: a listener of its own, off unless configured. Texts and shapes are those recorded from bearerbox
// 1.4.5, which answers 200 whatever it says.
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '#shared/config/schema.ts';
import { refuse } from '#shared/doors/accept.ts';
import { openCredentials } from '#shared/doors/credentials.ts';
import { reloadLists } from '#shared/doors/lists.ts';
import { portError } from '#shared/service.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import type { Means } from '../../mounted.ts';
import { parseQuery, type Query } from '../../query.ts';
import { type Form, type Smsc, status } from './status.ts';
import { Tally } from './tally.ts';

const COMMANDS = 'status store-status log-level suspend isolate resume stop-smsc start-smsc reload-lists'.split(' ');
const PATH = /^\/([a-z-]*)(?:\.(txt|html|xml))?$/;
/** Kannel's numbers and ours. */
const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
const TYPES: Record<Form, string> = { txt: 'text/plain', html: 'text/html', xml: 'text/plain' };
const STORE_HEADING = '[SMS ID] [Type] [Time] [Sender] [Receiver] [SMSC ID] [BOX ID] [Flags] [UDH] [Message]\n';

/** Undefined when it is not configured. */
export async function openKannelAdmin(means: Means): Promise<{ stop(): Promise<void> } | undefined> {
  const listener = means.config.listen.kannelAdmin;
  if (!listener) return undefined;
  const app = fastify({ logger: false, requestTimeout: 10_000, bodyLimit: 1_024, http: { maxHeaderSize: 16_384 } });
  const tally = new Tally();
  await tally.listen(means.bus);
  const answerTo = commands(means, tally);
  const { password, statusPassword = password, networks, host, port } = listener;
  const rows = { admin: { password, networks }, status: { password: statusPassword, networks } };
  const credentials = openCredentials(rows as unknown as Config['clients']);
  app.get('/*', async (request, reply) => {
    const url = request.raw.url ?? '/';
    const [path = '/', query = ''] = url.split('?', 2);
    const [, command = '', form = 'txt'] = PATH.exec(path) ?? [];
    const values = parseQuery(query);
    const address = request.socket.remoteAddress ?? '';
    const may = async (name: 'admin' | 'status') => {
      const verified = await credentials.verify(name, values.get('password') ?? '', address);
      return verified !== undefined && credentials.allows(verified, address);
    };
    const reads = command === 'status' || command === 'store-status';
    if (!((reads && (await may('status'))) || (await may('admin')))) {
      refuse('http', 'authorization', address, undefined, { detail: "Kannel's admin port" });
      return shaped(reply, 'Denied', form as Form);
    }
    if (!COMMANDS.includes(command)) return shaped(reply, unknown(path), form as Form);
    return shaped(reply, await answerTo(command, values, form as Form, request), form as Form);
  });
  await app.listen({ host, port }).catch((error) => {
    throw portError(error, 'listen.kannelAdmin');
  });
  return { stop: () => app.close() };
}

const unknown = (path: string) => {
  const shown = path.replaceAll(/[^\w./-]/g, '?').slice(0, 100);
  return `Unknown command \`${shown}'.\nPossible commands are:\n${COMMANDS.join('\n')}\n`;
};

function shaped(reply: FastifyReply, text: string, form: Form): FastifyReply {
  const body =
    form === 'xml'
      ? `<?xml version="1.0"?>\n<gateway>\n${text}</gateway>\n`
      : form === 'html'
        ? `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2//EN">\n<html>\n<title>Kannel</title>\n<body>\n${text.startsWith('<p>') ? text : `<p>${text}</p>`}\n</body></html>\n`
        : text;
  return reply.header('content-type', TYPES[form]).send(body);
}

function commands({ config, bus, log }: Means, tally: Tally) {
  const names = Object.keys(config.providers);
  let held: 'suspended' | 'isolated' | undefined;
  const paused = () => bus.ask(LEDGER_RPC, { ask: 'paused' }) as Promise<string[]>;
  const pause = (provider: string, wanted: boolean) => bus.ask(LEDGER_RPC, { ask: 'pause', provider, paused: wanted });

  async function hold(as: 'suspended' | 'isolated', done: string): Promise<string> {
    if (held === as) return `Already ${as}`;
    for (const name of names) await pause(name, true);
    held = as;
    return done;
  }

  async function resume(): Promise<string> {
    const now = await paused();
    if (!held && now.length === 0) return 'Already running';
    for (const name of now) await pause(name, false);
    held = undefined;
    return 'Running resumed';
  }

  async function switchSmsc(query: Query, on: boolean): Promise<string> {
    const id = query.get('smsc');
    if (!id) return 'SMSC id not given';
    const isPaused = names.includes(id) ? (await paused()).includes(id) : undefined;
    const shown = id.replaceAll(/[^\w.-]/g, '?').slice(0, 40);
    if (isPaused !== on) return `Could not ${on ? 're-start' : 'shut down'} smsc-id \`${shown}'`;
    await pause(id, !on);
    return `SMSC \`${id}' ${on ? 're-started' : 'shut down'}`;
  }

  function setLevel(query: Query): string {
    const level = query.get('level');
    if (level === undefined) return 'New level not given';
    const number = Math.min(Math.max(Number.parseInt(level, 10) || 0, 0), LEVELS.length - 1);
    log.level = LEVELS[number]!;
    return `log-level set to ${number}`;
  }

  function facts(request: FastifyRequest) {
    const smscs = names.map((id): Smsc => ({ id, name: nameOf(config.providers[id]!), ...tally.row(id) }));
    const all = smscs.length > 0 && smscs.every((smsc) => smsc.paused);
    const state = all ? (held ?? 'suspended') : 'running';
    const version = "Hermod, in the form of Kannel bearerbox version `1.4.5'.";
    return { version, state, uptimeS: tally.uptimeS, address: request.socket.localAddress ?? '', smscs };
  }

  return async (command: string, query: Query, form: Form, request: FastifyRequest): Promise<string> => {
    try {
      switch (command) {
        case 'status':
          return status(facts(request), form);
        // Numbers and texts of what waits are not shown here: `hermod messages` and the queues' lengths tell of it.
        case 'store-status':
          return form === 'xml' ? '' : STORE_HEADING;
        case 'suspend':
          return await hold('suspended', 'Kannel suspended');
        case 'isolate':
          return await hold('isolated', 'Kannel isolated from message providers');
        case 'resume':
          return await resume();
        case 'stop-smsc':
          return await switchSmsc(query, false);
        case 'start-smsc':
          return await switchSmsc(query, true);
        case 'log-level':
          return setLevel(query);
        default: {
          const faults = await reloadLists(bus);
          return faults.length === 0 ? 'Black/white lists re-loaded' : `Lists not re-loaded: ${faults.join('; ')}`;
        }
      }
    } catch (error) {
      return `Could not be done: ${reasonOf(error)}`;
    }
  };
}

/** As Kannel names a link, such as `SMPP:smsc.example.net:2775/0:acme:`. */
function nameOf(provider: Config['providers'][string]): string {
  if (provider.bearer !== 'smpp') return provider.bearer.toUpperCase();
  return `SMPP:${provider.host}:${provider.port}/0:${provider.systemId}:${provider.systemType}`;
}
