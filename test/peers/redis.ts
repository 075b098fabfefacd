// A real Redis server from Debian, private to the test: loopback, a free port, nothing on disk.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import { requireDebian } from './debian.ts';

const PROGRAM = '/usr/bin/redis-server';
export type RedisServer = {
  url: string;
  /** All its keys. */
  keys(): Promise<string[]>;
  stop(): Promise<void>;
};

export async function startRedis(port?: number): Promise<RedisServer> {
  requireDebian('redis-server', PROGRAM, 'redis-server');
  const at = port ?? (await freePort());
  const options = ['--port', `${at}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  const child = spawn(PROGRAM, options, { cwd: '/tmp', stdio: 'ignore' });
  const client = new Redis(at, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  await until('Redis answers', async () => {
    if (client.status !== 'ready') await client.connect();
    return client.ping();
  });
  return {
    url: `redis://127.0.0.1:${at}`,
    keys: () => client.keys('*'),
    async stop() {
      client.disconnect();
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
