// Vitest's global set-up for tests that need a broker: AMQP_URL when it is set, else a private node for this run.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.AMQP_URL) return undefined;
  const { startPrivateNode } = await import('../../deploy/broker/node.ts');
  const dir = mkdtempSync(join(tmpdir(), 'hermod-broker-'));
  chmodSync(dir, 0o711); // The broker's user must get through.
  const node = await startPrivateNode({ dir, say: () => {} });
  process.env.AMQP_URL = node.url;
  return async () => {
    await node.stop();
    rmSync(dir, { recursive: true, force: true });
  };
}
