// Reads kannel.conf: groups of `name = value` between empty lines, or between lines `group = …`.
import { type Draft, faultAt, type Row } from './draft.ts';
import { type Settings, settingsOf } from './settings.ts';

export type Group = { kind: string; settings: Settings };

/** Throws a fault with the line. A comment behind a value, which Kannel would take into it, is taken off. */
export function readConf(draft: Draft, file: string, text: string): Group[] {
  const groups: { row: Row; lines: Map<string, number>; line: number }[] = [];
  let open: (typeof groups)[number] | undefined;
  /** The line before ended in a comment, which people wrap. */
  let commented = false;
  for (const [i, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const place = { file, line: i + 1 };
    const line = raw.trim();
    if (line === '') open = undefined;
    if (line === '' || line.startsWith('#')) {
      commented = line !== '';
      continue;
    }
    const [, key, given] = /^([A-Za-z][\w-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined) {
      const included = /^include\s/.test(line);
      if (!commented && !included) throw faultAt(place, 'this is neither `name = value` nor a comment behind #');
      draft.note(
        place,
        'warning',
        included
          ? 'include: give that file to this command too'
          : 'no setting: taken for the rest of the comment above',
      );
      continue;
    }
    if (key === 'include') {
      draft.note(place, 'warning', 'include: give that file to this command too');
      continue;
    }
    if (key === 'group' || !open) {
      open = { row: {}, lines: new Map(), line: place.line };
      groups.push(open);
    }
    const value = valueIn(given!);
    commented = value.commented;
    if (value.commented) draft.note(place, 'warning', `${key.slice(0, 60)}: the comment behind the value is taken off`);
    if (open.lines.has(key))
      draft.note(place, 'warning', `${key.slice(0, 60)}: stands twice in its group: the last one counts`);
    open.row[key] = value.text;
    open.lines.set(key, place.line);
  }
  return groups.map(({ row, lines, line }) => {
    const kind = String(row.group ?? '');
    if (kind === '')
      throw faultAt({ file, line }, 'these settings belong to no group: `group = …` is missing in front');
    const owner = String(row['smsc-id'] ?? row.username ?? row.smsc ?? kind);
    const settings = settingsOf(draft, owner, { file, line }, row, (key) => lines.get(key) ?? line);
    settings.raw('group');
    return { kind, settings };
  });
}

function valueIn(given: string): { text: string; commented: boolean } {
  const quoted = /^"((?:[^"\\]|\\.)*)"\s*(#.*)?$/.exec(given);
  if (quoted) return { text: quoted[1]!.replaceAll(/\\(.)/g, '$1'), commented: quoted[2] !== undefined };
  const plain = /^(.*?)(?:^|\s+)#.*$/.exec(given);
  return { text: (plain?.[1] ?? given).trim(), commented: plain !== null };
}
