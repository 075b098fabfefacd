// The report of a run of the fault matrix, as Markdown: one table for each ground that the cases ran on.
import { release } from 'node:os';
import type { Row } from './matrix.ts';

/** `promises`: whether what is allowed was asserted. */
export type Section = { title: string; promises: boolean; rows: readonly Row[] };

const allowed = (value: number, most: number | undefined) => (most === undefined ? `${value}` : `${value} (${most})`);
const number = (n: number) => n.toLocaleString('en-GB');

const COLUMNS: [title: string, of: (row: Row) => string][] = [
  ['case', ({ name }) => name],
  ['messages', ({ accepted }) => number(accepted)],
  ['lost', ({ lost }) => number(lost)],
  ['repeated', ({ repeated, repeatsAllowed }) => allowed(repeated, repeatsAllowed)],
  ['without an end', ({ open }) => number(open)],
  ['not told', ({ untold }) => number(untold)],
  [
    'final states',
    ({ ends }) =>
      Object.entries(ends)
        .map(([state, n]) => `${number(n)} ${state}`)
        .join(', '),
  ],
  ['doors closed, ms', ({ doorsClosedMs, doorsClosedAllowedMs }) => allowed(doorsClosedMs, doorsClosedAllowedMs)],
  ['most binds', ({ binds }) => `${binds}`],
  ['s', ({ seconds }) => `${seconds}`],
  ['', ({ wrong }) => (wrong.length === 0 ? 'as promised' : wrong.join('; '))],
];
/** Kannel promises nothing and keeps no final states. */
const KANNEL = new Set(['without an end', 'final states', '']);

function table({ promises, rows }: Section): string {
  const columns = promises ? COLUMNS : COLUMNS.filter(([title]) => !KANNEL.has(title));
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(([title]) => title)),
    line(columns.map((_column, i) => (i === 0 ? '---' : '--:'))),
    ...rows.map((row) => line(columns.map(([, of]) => of(row)))),
  ].join('\n');
}

type Circumstances = { machine: string; perSecond: number };

const minute = () => `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
const tables = (sections: readonly Section[], level: string) =>
  sections.map((section) => `${level} ${section.title}\n\n${table(section)}`).join('\n\n');

/** Cases that were run again, for the end of a report. */
export const again = (sections: readonly Section[], { machine, perSecond }: Circumstances): string => `
## Run again on ${minute()}

${machine}; ${perSecond} messages a second were offered. The columns are those above.

${tables(sections, '###')}
`;

export function report(sections: readonly Section[], { machine, perSecond }: Circumstances): string {
  const rows = sections.filter(({ promises }) => promises).flatMap((section) => section.rows);
  const sum = (of: (row: Row) => number) => number(rows.reduce((total, row) => total + of(row), 0));
  const broken = rows.filter(({ wrong }) => wrong.length > 0).length;
  return `# The fault matrix

Written by \`npm run faults -- --report deploy/docs/faults.md\` on ${minute()}.
${machine}, Linux ${release()}; ${perSecond} messages a second were offered.

${rows.length} cases, ${sum(({ accepted }) => accepted)} messages accepted by Hermod, **${sum(({ lost }) => lost)} lost**, ${sum(({ open }) => open)} without a final state, ${sum(({ untold }) => untold)} not told, ${sum(({ repeated }) => repeated)} repeated; ${broken === 0 ? 'every case as promised' : `${broken} cases not as promised`}.

Each case runs under load at three doors: of twenty messages eighteen by HTTP with a dlr-url, one by mail, one by SMPP with a receipt. The fault begins when a quarter of the load is offered. *Lost*: accepted, and never taken by the SMS centre, counted there, though no final state says why. *Repeated*: taken there more than once; what is allowed stands in brackets: twice the window of a worker that was killed, the window of a line that was cut or the messages whose answer never came (\`resend\` is the provider's policy), else 0. *Doors closed*: the longest time in which one of the three doors took nothing. *Most binds*: at any instant so far, counted at the SMS centre, which allows one; a frozen worker's socket is the exception.

${tables(sections, '##')}
`;
}
