// Reads the ini form: LinOTP's import file and its policies, and gnokii's gnokiirc.
import { faultAt } from './draft.ts';

export type IniValue = { text: string; line: number };
export type IniSection = { name: string; line: number; values: Map<string, IniValue> };

/** The first line that says something is a section. */
export const isIni = (text: string) =>
  /^(\s|\ufeff|#.*|;.*)*\[[^\]"'{}]*\]\s*$/m.test(text.slice(0, 10_000).split(/\n(?=[^\s#;[])/)[0] ?? '');

/** A value goes on in lines that are indented, and until its braces are closed. Throws a fault with the line. */
export function readIni(file: string, text: string): IniSection[] {
  const sections: IniSection[] = [];
  let open: IniValue | undefined;
  for (const [i, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const place = { file, line: i + 1 };
    const header = /^\s*\[([^\]]*)\]\s*$/.exec(line);
    if (open && (inBraces(open.text) || (/^\s+\S/.test(line) && !header))) {
      open.text += `\n${line}`;
      continue;
    }
    if (/^\s*([#;].*)?$/.test(line)) continue;
    if (header) {
      sections.push({ name: header[1]!.trim(), line: place.line, values: new Map() });
      open = undefined;
      continue;
    }
    const [, key, value] = /^\s*([^=:]+?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    const section = sections.at(-1);
    if (key === undefined || !section) throw faultAt(place, 'this is neither a [section] nor `name = value`');
    open = { text: value!, line: place.line };
    section.values.set(key.toLowerCase(), open);
  }
  for (const { values } of sections) for (const value of values.values()) value.text = unquoted(value.text.trim());
  return sections;
}

const inBraces = (text: string) => text.split('{').length > text.split('}').length;

const unquoted = (text: string) => /^("""|'''|"|')(.*)\1$/s.exec(text)?.[2] ?? text;
