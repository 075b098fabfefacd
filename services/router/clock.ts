// The time windows of routes: wall-clock time in a zone, right over changes of summer time, and reckoned once a minute.
import { DAYS } from '#shared/config/routes.ts';
import type { Route } from '#shared/config/schema.ts';

export type TimeWindow = NonNullable<Route['when']['time']>;
/** Day 0 is Monday; minute 0 to 1439 of that day. */
type WallClock = { day: number; minute: number };

const MINUTE_MS = 60_000;

/** Whether the window is open at `now` (epoch ms). A window over midnight belongs to the day on which it opens. */
export function openWindow({ days, from = '00:00', to = '24:00', zone }: TimeWindow): (now: number) => boolean {
  const opens = daysOf(days);
  const [first, end] = [minuteOf(from), minuteOf(to)];
  const clock = clockIn(zone);
  return (now) => {
    const { day, minute } = clock(now);
    if (first < end) return opens.has(day) && minute >= first && minute < end;
    return (minute >= first && opens.has(day)) || (minute < end && opens.has((day + 6) % 7));
  };
}

/** `Sat 12:03`, for a person. */
export function wallTime(zone: string, now: number): string {
  const { day, minute } = clockIn(zone)(now);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${DAYS[day]} ${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

export const windowWords = ({ days, from = '00:00', to = '24:00', zone }: TimeWindow) =>
  `${days?.join(', ') ?? 'every day'} ${from} to ${to} ${zone}`;

function daysOf(days: readonly string[] = ['mon-sun']): Set<number> {
  const opens = new Set<number>();
  for (const range of days) {
    const [first, last = first] = range.split('-').map((day) => DAYS.indexOf(day as (typeof DAYS)[number]));
    for (let day = first!; ; day = (day + 1) % 7) {
      opens.add(day);
      if (day === last) break;
    }
  }
  return opens;
}

function minuteOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number) as [number, number];
  return hours * 60 + minutes;
}

/** Offsets of zones are whole minutes, so within a minute the answer stays the same. */
function clockIn(zone: string): (now: number) => WallClock {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  let cachedMinute = Number.NaN;
  let cached: WallClock = { day: 0, minute: 0 };
  return (now) => {
    const thisMinute = Math.floor(now / MINUTE_MS);
    if (thisMinute === cachedMinute) return cached;
    const parts = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value]));
    cachedMinute = thisMinute;
    cached = {
      day: DAYS.indexOf(parts.weekday!.toLowerCase() as (typeof DAYS)[number]),
      minute: Number(parts.hour) * 60 + Number(parts.minute),
    };
    return cached;
  };
}
