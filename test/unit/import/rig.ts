// An import as the command does it, but for files: rows as they are in the YAML, secrets, and notes.
import { parse } from 'yaml';
import { type Imported, newDraft } from '../../../deploy/cli/import/draft.ts';
import { importKannel } from '../../../deploy/cli/import/kannel.ts';
import { importLinotp } from '../../../deploy/cli/import/linotp.ts';
import { importPrivacyidea } from '../../../deploy/cli/import/privacyidea.ts';

export type Program = 'linotp' | 'privacyidea' | 'kannel';
type Rows = { [section: string]: never } & {
  providers: Record<string, Record<string, unknown>>;
  clients: Record<string, Record<string, unknown>>;
  routes?: Record<string, unknown>[];
  listen?: Record<string, unknown>;
  scripts?: Record<string, unknown>;
};
export type Read = Imported & { rows: Rows; said: string[] };

const READERS = { linotp: importLinotp, privacyidea: importPrivacyidea, kannel: importKannel };
/** How a row names a secret. */
export const ref = (name: string) => `\${${name}}`;
export const CLIENT_PASSWORD = 'made-for-the-client';

export function importOf(program: Program, texts: string | string[], { otp = false, withSecrets = false } = {}): Read {
  const draft = newDraft({ withSecrets });
  const sources = [texts]
    .flat()
    .map((text, i) => ({ file: `file${i + 1}`, name: i === 0 ? 'sms' : `sms-${i + 1}`, text }));
  READERS[program](draft, sources, { otp, newPassword: () => CLIENT_PASSWORD });
  const imported = draft.finish();
  const said = imported.notes.map(({ file, line, verdict, what }) => `${file}:${line}: ${verdict}: ${what}`);
  return { ...imported, rows: parse(imported.yaml) as Rows, said };
}
