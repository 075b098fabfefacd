// The broker with a user for each service, over TLS: every service runs, a message by each door comes through with its
// receipt, and nobody reads, writes or declares what is another's.
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import type { ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { dial } from '#shared/bus/dial.ts';
import { loadConfig } from '#shared/config/load.ts';
import { type Host, hostServices } from '#shared/service.ts';
import { topologyOf } from '#shared/topology.ts';
import { type PrivateNode, startPrivateNode } from '../../deploy/broker/node.ts';
import { variableOf } from '../../deploy/cli/broker-users.ts';
import { SERVICES } from '../../deploy/services.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { Esme, id, readDeliver } from '../peers/esme.ts';
import { open } from '../peers/smtp-client.ts';
import { newAuthority } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';
import { rabbitmqctl } from '../rig/rabbitmqctl.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { until } from '../rig/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const ENTRIES = Object.entries(SERVICES);
const CLI = join(ROOT, 'deploy/cli/hermod.ts');
const dir = mkdtempSync(join(tmpdir(), 'hermod-users-'));
const configFile = join(dir, 'gateway.yaml');
const hosts: Host[] = [];
const lines: ChannelModel[] = [];
let node: PrivateNode;
let smsc: Smsc;
let receiver: Receiver;
let ports: Record<'http' | 'smtp' | 'smpp' | 'dlr' | 'console' | 'amqps', number>;
let urls: Record<string, string>;

/** The address that `hermod broker-users` wrote for a user. */
const urlOf = (user: string) => urls[variableOf(user)]!;
const lineOf = async (user: string) => {
  const line = await dial(urlOf(user));
  line.on('error', () => {});
  lines.push(line);
  return line;
};

beforeAll(async () => {
  chmodSync(dir, 0o755); // The broker's user must get through.
  const names = ['http', 'smtp', 'smpp', 'dlr', 'console', 'amqps'] as const;
  ports = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await freePort()]))) as typeof ports;
  [node, smsc, receiver] = await Promise.all([
    startPrivateNode({ dir, say: () => {} }),
    startSmsc({ keep: 0, receipts: { afterMs: 20 } }),
    startReceiver(),
  ]);
  writeConfiguration();
  await listenWithTls();
  const broker = `amqps://127.0.0.1:${ports.amqps}/?cacertfile=${join(dir, 'ca.pem')}`;
  const wrote = spawnSync(process.execPath, [CLI, '--config', configFile, 'broker-users', dir, '--broker', broker]);
  expect(wrote.stderr.toString()).toBe('');
  await rabbitmqctl(node, 'import_definitions', join(dir, 'definitions.json'));
  urls = parseEnv(readFileSync(join(dir, 'broker.env'), 'utf8')) as typeof urls;

  const loaded = loadConfig(configFile);
  await declareTopology(urlOf('hermod'), topologyOf(loaded.config));
  const start = async ([name, load]: (typeof ENTRIES)[number]) =>
    hosts.push(await hostServices([await load()], { loaded, amqpUrl: urlOf(name) }));
  await Promise.all(ENTRIES.map(start));
  await until('the SMSC has a bind', () => smsc.binds().now > 0);
}, 120_000);
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await Promise.all(lines.map((line) => line.close().catch(() => {})));
  await receiver?.stop();
  await smsc?.stop();
  await node?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

function writeConfiguration(): void {
  const { http, smtp, smpp, dlr, console } = ports;
  const settings = {
    listen: {
      http: { port: http },
      smtp: { port: smtp },
      smpp: { port: smpp },
      dlr: { port: dlr, url: 'http://127.0.0.1/' },
      console: { port: console },
      admin: { port: 0 },
    },
    clients: {
      tester: { password: 'foobar', sender: '12345', networks: ['127.0.0.1'] },
      other: { password: 'barfoo', sender: '12345' },
    },
    providers: {
      sandbox: { bearer: 'smpp', host: '127.0.0.1', port: smsc.port, systemId: 'hermod', password: 'secret' },
      mailed: { bearer: 'smtp', host: '127.0.0.1', port: 1, from: 'a@example.org', to: '{number}@example.org' },
    },
    routes: [{ to: ['sandbox'] }],
    mail: {
      rules: [
        {
          name: 'otp',
          client: 'tester',
          networks: ['127.0.0.1'],
          when: { to: '^(?P<phone>[^@]*)@otp\\.example$', body: '(?s)\\A\\s*(?P<otp>.*\\S)' },
          number: '{phone}',
          text: '{otp}',
        },
      ],
    },
    callbacks: { allow: ['127.0.0.1'] },
  };
  writeFileSync(configFile, stringify(settings));
}

/** A second listener of the same node, as `listeners.ssl` of rabbitmq.conf makes one. */
async function listenWithTls(): Promise<void> {
  const authority = newAuthority();
  const { cert, key } = authority.issue('127.0.0.1');
  const pems = { 'ca.pem': authority.ca, 'cert.pem': cert, 'key.pem': key, 'other.pem': newAuthority('Other').ca };
  for (const [name, pem] of Object.entries(pems)) writeFileSync(join(dir, name), pem, { mode: 0o644 });
  const file = (option: string, name: string) => `{${option}, "${join(dir, name)}"}`;
  const options = `[${file('cacertfile', 'ca.pem')}, ${file('certfile', 'cert.pem')}, ${file('keyfile', 'key.pem')}]`;
  const listener = `rabbit_networking:start_ssl_listener({"127.0.0.1", ${ports.amqps}}, ${options}, 2)`;
  const answer = await rabbitmqctl(node, 'eval', `{ok, _} = application:ensure_all_started(ssl), ${listener}.`);
  expect(answer.trim()).toBe('ok');
}

/** Doors; what a person sends again, and answers to messages from handsets. */
const SUBMITTERS = ['ingress-http', 'ingress-smtp', 'ingress-smpp', 'ledger', 'notifier'];

describe('with least rights, over TLS', () => {
  test('every service is ready', async () => {
    for (const { adminPort } of hosts) {
      const answer = await fetch(`http://127.0.0.1:${adminPort}/ready`);
      expect(await answer.text()).toBe('ok\n');
    }
    expect(new URL(urlOf('router')).protocol).toBe('amqps:');
  });

  test('by HTTP, with a receipt that is called back', async () => {
    const query = new URLSearchParams({ username: 'tester', password: 'foobar', to: '447700900401', text: 'by HTTP' });
    query.set('dlr-mask', '31');
    query.set('dlr-url', `http://127.0.0.1:${receiver.port}/told?%d`);
    const answer = await fetch(`http://127.0.0.1:${ports.http}/cgi-bin/sendsms?${query}`);
    expect(answer.status).toBe(202);
    await until('the receipt is told', () => receiver.seen.some(({ url }) => url === '/told?1'));
    const headers = { authorization: `Basic ${Buffer.from('tester:foobar').toString('base64')}` };
    const found = await fetch(`http://127.0.0.1:${ports.http}/v1/messages/${answer.headers.get('x-message-id')}`, {
      headers,
    });
    expect(await found.json()).toMatchObject({ state: 'delivered' });
  });

  test('by mail', async () => {
    const client = await open(ports.smtp);
    expect((await client.mail('a@example.org', ['447700900402@otp.example'], 'Subject: x\r\n\r\nby mail')).code).toBe(
      250,
    );
    client.close();
    await until('it arrives', () => smsc.received.some(({ dest }) => dest.addr === '447700900402'));
  });

  test('by SMPP, with a receipt on the session', async () => {
    const esme = await Esme.connect(ports.smpp);
    expect(await esme.bind('bind_transceiver', { systemId: 'tester', password: 'foobar' })).toMatchObject({
      status: 0,
    });
    await esme.next();
    esme.submit({ dest: { addr: '447700900403' }, registered: 1 });
    const receipt = await until('the receipt', async () => {
      const pdu = await esme.next();
      return pdu.id === id.deliver_sm ? pdu : undefined;
    });
    expect(readDeliver(receipt).shortMessage.toString()).toContain('stat:DELIVRD');
    esme.close();
  });

  test('`hermod refusals` and `hermod providers` are answered', async () => {
    await fetch(`http://127.0.0.1:${ports.http}/cgi-bin/sendsms?username=tester&password=wrong`);
    const run = async (...args: string[]) => {
      const env = { ...process.env, AMQP_URL: urlOf('hermod') };
      const { stdout } = await promisify(execFile)(process.execPath, [CLI, '--config', configFile, ...args], { env });
      return stdout;
    };
    const [refusals, providers] = await Promise.all([run('refusals'), run('providers')]);
    expect(refusals).toMatch(/http .*authorization/);
    expect(providers).toMatch(/sandbox .*up/);
  });
});

/** Who reads each queue; the retry steps are read by nobody. */
function readerOf(queue: string): string | undefined {
  const [first] = queue.split('.');
  if (first === 'egress') return queue.startsWith('egress.mailed.') ? 'egress-smtp' : 'egress-smpp';
  return { ledger: 'ledger', router: 'router', notifier: 'notifier', deliver: 'ingress-smpp', dead: 'console' }[first!];
}

describe.concurrent.each(Object.keys(SERVICES))('the user of %s', (user) => {
  test('reads its own queues and no other', async () => {
    const line = await lineOf(user);
    const { queues } = topologyOf(loadConfig(configFile).config);
    expect(queues.length).toBeGreaterThan(20);
    for (const { name } of queues) {
      const channel = await line.createChannel();
      channel.on('error', () => {});
      // As a second reader of a queue with one active consumer it gets nothing, which is not asked here.
      const ended = await channel
        .consume(name, (one) => one && channel.nack(one))
        .then(
          ({ consumerTag }) =>
            channel
              .cancel(consumerTag)
              .then(() => channel.close())
              .then(() => 'read'),
          (error: Error) => (/ACCESS_REFUSED - access to queue/.test(error.message) ? 'refused' : error.message),
        );
      expect(`${name}: ${ended}`).toBe(`${name}: ${readerOf(name) === user ? 'read' : 'refused'}`);
    }
  });

  test('writes to its exchanges and no other, and declares, deletes and binds nothing', async () => {
    const line = await lineOf(user);
    const refused = async (
      work: (channel: Awaited<ReturnType<ChannelModel['createConfirmChannel']>>) => Promise<unknown>,
    ) => {
      const channel = await line.createConfirmChannel();
      let reason = '';
      channel.on('error', (error: Error) => {
        reason = error.message;
      });
      await work(channel).catch((error: Error) => {
        reason ||= error.message;
      });
      await channel.close().catch(() => {});
      return /ACCESS_REFUSED/.test(reason);
    };
    const publish = (exchange: string) =>
      refused(async (channel) => {
        channel.publish(exchange, 'no-such-key', Buffer.from('[]'));
        await channel.waitForConfirms();
      });
    expect(await publish('submit')).toBe(!SUBMITTERS.includes(user));
    expect(await publish('report')).toBe(['ingress-http', 'ingress-smtp'].includes(user));
    expect(await refused((channel) => channel.assertQueue(`mine.${user}`))).toBe(true);
    expect(await refused((channel) => channel.deleteQueue('router.urgent'))).toBe(true);
    expect(await refused((channel) => channel.purgeQueue('retry.urgent.1s'))).toBe(true);
    expect(await refused((channel) => channel.bindQueue('ledger', 'submit', 'mine'))).toBe(true);
    expect(await refused((channel) => channel.deleteExchange('submit'))).toBe(true);
  });
});

test("a user cannot log in with another one's password", async () => {
  const url = new URL(urlOf('router'));
  url.username = 'ledger';
  await expect(dial(url.href)).rejects.toThrow('ACCESS-REFUSED');
});

test.concurrent.each([
  ['of an unknown authority', 'other.pem', /certificate that is not trusted \(.+\): name its authority/],
  [
    'that no authority is named for',
    '',
    /certificate that is not trusted \(.*self-signed certificate.*\): name its authority/,
  ],
  ['whose authority is a missing file', 'none.pem', /AMQP_URL\.ca: ENOENT/],
  ['whose authority is no certificate', 'key.pem', /AMQP_URL: its ca, cert or key cannot be used/],
])('a certificate %s ends a service in one line', async (_what, ca, line) => {
  const url = new URL(urlOf('router'));
  url.search = ca && `cacertfile=${join(dir, ca)}`;
  const args = [join(ROOT, 'deploy/host.ts'), '--services', 'router', '--config', configFile, '--admin-port', '0'];
  const ended = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, AMQP_URL: url.href },
  }).catch((error) => error);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(line);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  expect(ended.stderr).not.toContain(url.password);
});
