// Kannel's modem types and what is particular to each; `auto` asks the modem who it is. From the modems.conf of Kannel
// 1.4.5, whose names also stand with an underscore there. Everything else is asked of the modem itself.
import type { ModemType } from '#shared/config/bearers/modem.ts';

export type Profile = {
  name: Exclude<ModemType, 'auto'> | 'generic';
  /** Words of ATI, +CGMI or +CGMM by which `auto` knows it: all must be there. */
  detect: readonly RegExp[];
  /** Commands before all others that are this type's own. A refusal is a warning. */
  init: readonly string[];
  /** The first value of AT+CNMI: what becomes of news while the line is busy (TS 27.005, 3.4.1). */
  buffering: readonly number[];
  /** Baud, for a true serial line; USB has none. */
  speed: number;
};

const HARDWARE_FLOW_CONTROL = 'AT+IFC=2,2';
const SIEMENS_FLOW_CONTROL = 'AT\\Q3';

const GENERIC: Profile = {
  name: 'generic',
  detect: [],
  init: [],
  buffering: [2, 1, 3],
  speed: 115_200,
};

/** In the order in which they are tried: the closest description first. */
export const PROFILES: readonly Profile[] = [
  { ...GENERIC, name: 'wavecom', detect: [/wavecom/i], init: [HARDWARE_FLOW_CONTROL], buffering: [1, 2], speed: 9_600 },
  {
    ...GENERIC,
    name: 'siemens-tc35',
    detect: [/siemens/i, /TC35/i],
    init: [SIEMENS_FLOW_CONTROL],
    buffering: [3, 2, 1],
    speed: 19_200,
  },
  { ...GENERIC, name: 'siemens', detect: [/siemens/i], init: [SIEMENS_FLOW_CONTROL], buffering: [1, 2], speed: 19_200 },
  { ...GENERIC, name: 'falcom', detect: [/falcom/i], init: [HARDWARE_FLOW_CONTROL], buffering: [1, 2], speed: 9_600 },
  { ...GENERIC, name: 'nokiaphone', detect: [/nokia/i], init: [], buffering: [1, 2], speed: 115_200 },
  { ...GENERIC, name: 'ericsson', detect: [/ericsson|R520m|\bT68/i], init: [], buffering: [3, 2, 1], speed: 115_200 },
];

/** The profile that configuration names, or the one that fits the words of the modem. */
export function profileOf(type: ModemType, words: string): Profile {
  if (type !== 'auto') return PROFILES.find(({ name }) => name === type)!;
  return PROFILES.find(({ detect }) => detect.every((word) => word.test(words))) ?? GENERIC;
}

/**
 * The values of AT+CNMI, the best first: incoming messages are stored and announced (+CMTI), so that they are on the SIM
 * until the broker has them; status reports come at once (+CDS), else stored and announced (+CDSI), else not at all.
 * `test` is the answer to AT+CNMI=?, such as `+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)`; without one all are tried.
 */
export function indications({ buffering }: Profile, test: string | undefined): string[] {
  const allowed = test === undefined ? [] : [...test.matchAll(/\(([\d,\s-]*)\)/g)].map((match) => valuesOf(match[1]!));
  const may = (position: number, value: number) => allowed[position]?.has(value) ?? true;
  return buffering
    .filter((mode) => may(0, mode))
    .flatMap((mode) => [1, 2, 0].filter((reports) => may(3, reports)).map((reports) => ({ mode, reports })))
    .toSorted((a, b) => ORDER[a.reports]! - ORDER[b.reports]!)
    .map(({ mode, reports }) => `AT+CNMI=${mode},1,0,${reports},0`);
}

const ORDER: Record<number, number> = { 1: 0, 2: 1, 0: 2 };

/** `0-2` or `0,2`, or both, as a set. */
function valuesOf(list: string): Set<number> {
  return new Set(
    list.split(',').flatMap((item) => {
      const [from, to] = item.split('-').map(Number) as [number, number | undefined];
      return Array.from({ length: Math.min((to ?? from) - from + 1, 10) }, (_, i) => from + i);
    }),
  );
}
