// Questions to the person at the terminal. Questions go to stderr, so that stdout carries results only.
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Fault, usageFault } from './fault.ts';
import { harmless } from './output.ts';

const MOST_OCTETS = 64 * 1_024;

/** A line that is not shown while it is typed, or what stands on stdin when that is no terminal. */
export async function readSecret(question: string): Promise<string> {
  return process.stdin.isTTY ? readTyped(question, false) : readPiped();
}

/** Only a person at a terminal can agree. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw usageFault('this needs a yes: run it at a terminal, or with --yes');
  return /^y(es)?$/i.test((await readTyped(`${harmless(question)} [y/N] `, true)).trim());
}

async function readTyped(question: string, echo: boolean): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = echo ? process.stderr : nowhere;
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  if (echo) lines.setPrompt(question);
  else process.stderr.write(question);
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => reject(new Fault('given up: nothing was done')));
      lines.prompt();
    });
  } finally {
    lines.close();
    if (!echo) process.stderr.write('\n');
  }
}

async function readPiped(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MOST_OCTETS) throw usageFault('there is too much on stdin for a password');
  }
  const line = text.replace(/\r?\n$/, '');
  if (/[\r\n]/.test(line)) throw usageFault('stdin has more than one line: a password is one');
  return line;
}
