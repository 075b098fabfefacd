// The rig's own processes – load generator, SMSC, sink of callbacks –: started, asked over IPC, ended with the bench.
import { fork } from 'node:child_process';
import { join } from 'node:path';

/** Of `performance.now()` on that clock. What comes between the two readings makes it less: the greatest is nearest. */
const offset = Math.max(...Array.from({ length: 50 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()));
/** Milliseconds with fractions on CLOCK_MONOTONIC, which all processes of a machine share. */
export const now = () => offset + performance.now();

/** What a process of the rig can be asked: one argument, and an answer that structured cloning can carry. */
type Api = Record<string, (argument: never) => unknown>;
type Question = { id: number; name: string; argument: unknown };
type Reply = { id: number; value?: unknown; error?: string };

export type Rig<A extends Api> = {
  pid: number;
  ask<K extends keyof A & string>(name: K, argument: Parameters<A[K]>[0]): Promise<Awaited<ReturnType<A[K]>>>;
  stop(): Promise<void>;
};

/** Starts `file` of this folder as a process of its own. A question to one that ended rejects. */
export function startRig<A extends Api>(file: string): Rig<A> {
  // Node's own options are the bench's, not for its children: npm's starter puts one there that unties their channel.
  const child = fork(join(import.meta.dirname, file), { serialization: 'advanced', execArgv: [] });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let id = 0;
  child.on('message', (reply: Reply) => {
    const { resolve, reject } = waiting.get(reply.id)!;
    waiting.delete(reply.id);
    if (reply.error === undefined) resolve(reply.value as never);
    else reject(new Error(reply.error));
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`${file} ended: ${signal ?? `exit code ${code}`}`));
      resolve();
    });
  });
  return {
    pid: child.pid!,
    ask: (name, argument) =>
      new Promise((resolve, reject) => {
        if (!child.connected) return reject(new Error(`${file} is not running`));
        waiting.set(++id, { resolve, reject });
        child.send({ id, name, argument } satisfies Question);
      }),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** The other side: answers questions until the bench lets go or is gone. */
export function answer(api: Api): void {
  process.on('message', async ({ id, name, argument }: Question) => {
    try {
      process.send!({ id, value: await api[name]!(argument as never) } satisfies Reply);
    } catch (error) {
      process.send!({ id, error: (error as Error).message } satisfies Reply);
    }
  });
  process.on('disconnect', () => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {}); // The bench ends its rig itself.
}
