// Times on the wire (SMPP 3.4, 7.1): absolute `YYMMDDhhmmsstnnp`, with its distance from UTC in quarters of an hour, and
// relative `YYMMDDhhmmss000R`.

const TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([+R-])$/;
const QUARTER_MS = 15 * 60_000;
const MOST_QUARTERS = 48;

/** Epoch ms, or undefined when the text is no time of either form. */
export function parseTime(text: string, now: number): number | undefined {
  const match = TIME.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, tenth = 0, quarters = 0] = match
    .slice(1, 9)
    .map(Number);
  if (match[9] === 'R') return later(now, year, month, day, ((hour * 60 + minute) * 60 + second) * 1_000);
  const at = Date.UTC(2000 + year, month - 1, day, hour, minute, second, tenth * 100);
  const date = new Date(at);
  const exists =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!exists || quarters > MOST_QUARTERS) return undefined;
  return at + quarters * QUARTER_MS * (match[9] === '+' ? -1 : 1);
}

/** Years and months are those of the calendar. */
function later(now: number, years: number, months: number, days: number, ms: number): number {
  const date = new Date(now);
  date.setUTCFullYear(date.getUTCFullYear() + years, date.getUTCMonth() + months, date.getUTCDate() + days);
  return date.getTime() + ms;
}

/** `YYMMDDhhmmss000+`, in UTC. */
export const absoluteTime = (ms: number) => `${new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14)}000+`;
