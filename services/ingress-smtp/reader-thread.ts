// The thread of reader.ts: takes a mail's octets, answers with the mail or why it cannot be read.
import { parentPort } from 'node:worker_threads';
import { Unreadable } from './mail.ts';
import { readMail } from './read-mail.ts';
import type { Answer } from './reader.ts';

parentPort?.on('message', async (octets: Uint8Array) => {
  let answer: Answer;
  try {
    answer = { mail: await readMail(Buffer.from(octets)) };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    answer = { unreadable: error.message };
  }
  parentPort?.postMessage(answer);
});

parentPort?.postMessage('ready' satisfies Answer);
