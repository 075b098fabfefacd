// A page of the documentation with a place for measured tables, between two lines of its own.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const MARKS = ['<!-- measured -->', '<!-- /measured -->'] as const;

/** Why a table cannot be written into this file, or undefined. */
export function pageFault(file: string): string | undefined {
  if (!existsSync(file)) return `there is no ${file}`;
  const text = readFileSync(file, 'utf8');
  const [begin, end] = MARKS.map((mark) => text.indexOf(`${mark}\n`));
  return begin! >= 0 && end! > begin! ? undefined : `${file} has no lines ${MARKS.join(' and ')}, in this order`;
}

/** Replaces what stands between the marks. */
export function writePage(file: string, content: string): void {
  const text = readFileSync(file, 'utf8');
  const begin = text.indexOf(MARKS[0]) + MARKS[0].length;
  const end = text.indexOf(MARKS[1]);
  writeFileSync(file, `${text.slice(0, begin)}\n${content.trim()}\n${text.slice(end)}`);
}
