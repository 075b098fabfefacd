// The gateway as a picture: doors, the router with what waits in it, providers; a line is as wide as what flows there, and
// moves while something does. In the page's own pixels, so that words stay readable on a phone; what a box says of numbers
// and states is never cut.
import { region } from '../dom.js';

const NS = 'http://www.w3.org/2000/svg';
/** A box holds a title and lines of words, in pixels; the size of their letters stands in console.css too. */
const BOX = { title: 30, line: 16, gap: 12, margin: 7, letters: 13 };
const MOST_BOXES = 12;
const NARROW = 720;

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat('en', { useGrouping: false });

/** An element of SVG: attributes, never styles. */
function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

/** `show({flow, providers, lanes})` draws what is known. */
export function pipeline(element) {
  return region(element, ({ flow, providers, lanes }) => {
    const doors = flow.doors.map(({ door, accepted, refused }) => ({
      name: door,
      flow: accepted.minute,
      lines: (n) => [`${n(accepted.minute)}/min`, ...(refused.minute > 0 ? [`${n(refused.minute)} no`] : [])],
      state: 'up',
    }));
    const ways = providers.map(({ provider, state, flow: mine }) => ({
      name: provider,
      flow: mine?.taken.minute ?? 0,
      lines: (n) => [state === 'up' ? `${n(mine?.taken.minute ?? 0)}/min` : state],
      state,
    }));
    const [left, right] = [doors.slice(0, MOST_BOXES), ways.slice(0, MOST_BOXES)];
    if (left.length === 0) left.push({ name: 'doors', flow: 0, lines: () => ['0/min'], state: 'up' });
    return draw(element.clientWidth || 800, left, routerOf(lanes), right, saying(doors, ways, lanes));
  });
}

const saying = (doors, ways, lanes) =>
  [
    ...doors.map((one) => `door ${one.name}: ${inFull(one)}`),
    ...lanes.map(({ lane, router }) => `${lane} lane: ${router} wait for the router`),
    ...ways.map((one) => `provider ${one.name}: ${inFull(one)}`),
  ].join('; ');

const inFull = ({ lines }) => lines((n) => whole.format(n)).join(', ');
const inShort = ({ lines }) => lines((n) => (n < 10_000 ? whole : short).format(n));

function draw(width, left, router, right, label) {
  const isNarrow = width < NARROW;
  const wordsOf = (one) => (isNarrow ? inShort(one) : [inFull(one)]);
  const most = Math.max(...[...left, router, ...right].map((one) => wordsOf(one).length));
  const rows = Math.max(left.length, right.length);
  const height = rows * (BOX.title + most * BOX.line + BOX.gap);
  const wide = Math.floor(Math.min(190, width * (isNarrow ? 0.28 : 0.24)));
  const middle = Math.round((width - wide) / 2);
  const all = { left: column(left, height), right: column(right, height) };
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
  const y = height / 2;
  svg.append(
    ...all.left.map(({ flow, y: from, state }) => line(wide, from, middle, y, flow, state)),
    ...all.right.map(({ flow, y: to, state }) => line(middle + wide, y, width - wide, to, flow, state)),
    ...all.left.map((one) => box(0, one.y, wide, one, wordsOf(one))),
    box(middle, y, wide, router, wordsOf(router)),
    ...all.right.map((one) => box(width - wide, one.y, wide, one, wordsOf(one))),
  );
  return svg;
}

function routerOf(lanes) {
  const sum = lanes.reduce((total, { router, retry }) => total + router + retry, 0);
  return {
    name: 'router',
    lines: (n) => [sum === 0 ? 'all clear' : `${n(sum)} wait`],
    state: lanes.some(({ router }) => router > 0) ? 'waits' : 'up',
  };
}

const column = (items, height) => items.map((item, i) => ({ ...item, y: ((i + 0.5) * height) / items.length }));

function line(x1, y1, x2, y2, flow, state) {
  const half = (x1 + x2) / 2;
  const d = `M ${x1} ${y1} C ${half} ${y1} ${half} ${y2} ${x2} ${y2}`;
  const speed = flow === 0 ? 'still' : flow < 60 ? 'slow' : flow < 6_000 ? 'steady' : 'fast';
  const kind = ['up', 'draining'].includes(state) ? '' : ' out';
  return s('path', { d, class: `way ${speed}${kind}`, 'stroke-width': 1.5 + Math.min(6, Math.log10(1 + flow) * 1.5) });
}

/** A long name is cut at the box's end; a pointer that rests there is told all of it. */
function box(x, y, width, one, words) {
  const { name, state } = one;
  const tall = BOX.title + words.length * BOX.line;
  const top = y - tall / 2;
  return s(
    'g',
    { class: `node ${state.replaceAll(' ', '-')}` },
    s('title', {}, `${name}: ${inFull(one)}`),
    s('rect', { x: x + 1, y: top, width: width - 2, height: tall, rx: 8 }),
    s('text', { x: x + BOX.margin, y: top + 19, class: 'title' }, cut(name, width - 2 * BOX.margin)),
    ...words.map((text, i) => s('text', { x: x + BOX.margin, y: top + 37 + i * BOX.line }, text)),
  );
}

const pen = document.createElement('canvas').getContext('2d');

/** As much of a title as has room in so many pixels. */
function cut(text, room) {
  pen.font = `600 ${BOX.letters}px ${getComputedStyle(document.body).fontFamily}`;
  const fits = (some) => pen.measureText(some).width <= room;
  let most = text.length;
  while (most > 1 && !fits(`${text.slice(0, most)}…`)) most--;
  return fits(text) ? text : `${text.slice(0, most)}…`;
}
