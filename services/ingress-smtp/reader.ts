// Reads mails in a thread of its own, one after another, with a limit on time and memory: what a hostile mail breaks or
// blocks is the thread, which is then replaced, and not the door.
import { Worker } from 'node:worker_threads';
import { type Mail, Unreadable } from './mail.ts';

/** From when the thread is ready, so that a start on a busy machine is not held against a mail. */
const READ_WITHIN_MS = 5_000;
const READY_WITHIN_MS = 30_000;
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

export type Reader = {
  /** Rejects with Unreadable. */
  read(octets: Buffer): Promise<Mail>;
  close(): Promise<void>;
};

/** What the thread says: first, once, that it is ready, then an answer for each mail. */
export type Answer = 'ready' | { mail: Mail } | { unreadable: string };

export function openReader(): Reader {
  const ready = new WeakSet<Worker>();
  let worker: Worker | undefined = start();
  let turn: Promise<unknown> = Promise.resolve();

  function start(): Worker {
    const fresh = new Worker(new URL('./reader-thread.ts', import.meta.url), { resourceLimits: MEMORY, execArgv: [] });
    fresh.unref();
    fresh.once('message', () => ready.add(fresh));
    fresh.on('error', () => {});
    fresh.on('exit', () => {
      if (worker === fresh) worker = undefined;
    });
    return fresh;
  }

  function readNow(octets: Buffer): Promise<Mail> {
    worker ??= start();
    const mine = worker;
    return new Promise((resolve, reject) => {
      const broken = (why: string) => {
        finish();
        worker = undefined;
        void mine.terminate();
        reject(new Unreadable(why));
      };
      const within = (ms: number) => setTimeout(() => broken(`reading it takes over ${ms / 1_000} s`), ms);
      let timer = within(ready.has(mine) ? READ_WITHIN_MS : READY_WITHIN_MS);
      const onError = () => broken('it breaks the reader');
      const onExit = () => broken('it ends the reader');
      const onMessage = (answer: Answer) => {
        if (answer === 'ready') {
          clearTimeout(timer);
          timer = within(READ_WITHIN_MS);
          return;
        }
        finish();
        if ('mail' in answer) resolve(answer.mail);
        else reject(new Unreadable(answer.unreadable));
      };
      const finish = () => {
        clearTimeout(timer);
        mine.off('message', onMessage).off('error', onError).off('exit', onExit);
      };
      mine.on('message', onMessage).on('error', onError).on('exit', onExit);
      mine.postMessage(octets);
    });
  }

  return {
    read(octets) {
      const mail = turn.then(() => readNow(octets));
      turn = mail.catch(() => {});
      return mail;
    },
    async close() {
      await turn;
      await worker?.terminate();
      worker = undefined;
    },
  };
}
