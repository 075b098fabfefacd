// The file of a backup: gzipped lines of JSON. The first says what it is, the last how many lines there were and their
// checksum; in between are files, and tables with a line for each row. Written whole or not at all, read only when whole.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { reasonOf } from '#shared/telemetry/log.ts';
import { Fault } from '../fault.ts';

const FORMAT = 1;

const header = z.looseObject({
  hermod: z.enum(['backup', 'secrets']),
  format: z.int(),
  /** Of Hermod, and of the ledger's tables. */
  version: z.string(),
  schema: z.int(),
  at: z.int(),
  /** Name of the configuration file, and the ledger's file as it stands there. */
  config: z.string().regex(/^[^/\0]{1,255}$/),
  ledger: z.string(),
  /** What the ledger's key makes of a fixed word; absent when the key is not a file of its own. */
  keyCheck: z.string().optional(),
});
export type Header = z.infer<typeof header>;
type Kind = Header['hermod'];

const line = z.union([
  z.strictObject({ file: z.string(), mode: z.int(), base64: z.string() }),
  z.strictObject({ table: z.string().regex(/^\w{1,64}$/), columns: z.array(z.string().regex(/^\w{1,64}$/)) }),
  z.array(z.union([z.string(), z.number(), z.null()])),
]);
export type Line = z.infer<typeof line>;
const last = z.strictObject({ end: z.literal(true), lines: z.int(), sha256: z.string() });

/** For its owner only; `file` must not be there. Nothing is left when `lines` throws. */
export async function writeArchive(
  file: string,
  first: Omit<Header, 'format'>,
  lines: AsyncIterable<Line>,
): Promise<void> {
  if (existsSync(file)) throw new Fault(`${file} is there already: name another file`);
  const part = `${file}.part`;
  try {
    rmSync(part, { force: true });
    const target = createWriteStream(part, { mode: 0o600, flags: 'wx', flush: true });
    await pipeline(Readable.from(textOf({ ...first, format: FORMAT }, lines)), createGzip(), target);
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error instanceof Fault ? error : new Fault(`${file}: ${reasonOf(error)}`);
  }
}

async function* textOf(first: object, lines: AsyncIterable<Line>): AsyncGenerator<string> {
  const sum = createHash('sha256');
  let count = 0;
  const put = (value: unknown) => {
    const text = `${JSON.stringify(value)}\n`;
    sum.update(text);
    count++;
    return text;
  };
  yield put(first);
  for await (const one of lines) yield put(one);
  yield `${JSON.stringify({ end: true, lines: count, sha256: sum.digest('hex') })}\n`;
}

/** Reads the whole file and checks it; gives what it is. One line says what is wrong with it. */
export async function checkArchive(file: string, kind: Kind, newest: number): Promise<Header> {
  let first: Header | undefined;
  for await (const value of linesOf(file)) first ??= headerOf(value, file, kind, newest);
  return first!;
}

function headerOf(value: unknown, file: string, kind: Kind, newest: number): Header {
  const { data } = header.safeParse(value);
  if (!data) throw new Fault(`${file} is no backup of Hermod`);
  if (data.format > FORMAT || data.schema > newest)
    throw new Fault(
      `${file} was made by Hermod ${data.version}, which is newer: restore it with that version or a later one`,
    );
  if (data.hermod !== kind)
    throw new Fault(
      `${file} holds ${data.hermod === 'secrets' ? 'only secrets: name it with --secrets' : 'no secrets, but a backup'}`,
    );
  return data;
}

/** What is between the first line and the last. */
export async function* readArchive(file: string): AsyncGenerator<Line> {
  let isFirst = true;
  for await (const value of linesOf(file)) {
    if (!isFirst) {
      const { data } = line.safeParse(value);
      if (!data) throw damaged(file);
      yield data;
    }
    isFirst = false;
  }
}

const damaged = (file: string) => new Fault(`${file} is damaged or cut off: nothing was restored from it`);

async function* linesOf(file: string): AsyncGenerator<unknown> {
  if (!existsSync(file)) throw new Fault(`${file}: there is no such file`);
  const sum = createHash('sha256');
  let count = 0;
  let end: z.infer<typeof last> | undefined;
  try {
    for await (const text of textLines(file)) {
      if (end) throw damaged(file);
      const value: unknown = JSON.parse(text);
      end = last.safeParse(value).data;
      if (end) continue;
      sum.update(`${text}\n`);
      count++;
      yield value;
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    const { code = '' } = error as NodeJS.ErrnoException;
    throw /^E[A-Z]+$/.test(code) ? new Fault(`${file} cannot be read: ${code}`) : damaged(file);
  }
  if (!end || end.lines !== count || end.sha256 !== sum.digest('hex')) throw damaged(file);
}

/** Lines end with LF only: JSON may hold every other character that some take for a line's end. */
async function* textLines(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  const plain = createGunzip();
  source.on('error', (error) => plain.destroy(error));
  let rest = '';
  for await (const chunk of source.pipe(plain).setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== '') throw new Error('the last line has no end');
}
