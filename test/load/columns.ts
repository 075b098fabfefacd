// A table of written cells, for a terminal or as Markdown.

/** Columns are numbers, to the right, but for those in `texts`. */
export type Columns = { header: string[]; rows: string[][]; texts: readonly number[] };

export function asText({ header, rows, texts }: Columns): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    texts.includes(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return all.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

export function asMarkdown({ header, rows, texts }: Columns): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, column) => (texts.includes(column) ? '---' : '---:'));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}
