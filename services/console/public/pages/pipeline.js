// The gateway as a picture: doors, the router with what waits in it, providers; a line is as wide as what flows there, and
// moves while something does. In the page's own pixels, so that words stay readable on a phone.
import { region } from '../dom.js';

const NS = 'http://www.w3.org/2000/svg';
const BOX = { height: 46, gap: 12 };
const MOST_BOXES = 12;
const NARROW = 480;

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
      words: `${accepted.minute}/min${refused.minute > 0 ? `, ${refused.minute} no` : ''}`,
      state: 'up',
    }));
    const ways = providers.map(({ provider, state, flow: mine }) => ({
      name: provider,
      flow: mine?.taken.minute ?? 0,
      words: state === 'up' ? `${mine?.taken.minute ?? 0}/min` : state,
      state,
    }));
    const [left, right] = [doors.slice(0, MOST_BOXES), ways.slice(0, MOST_BOXES)];
    if (left.length === 0) left.push({ name: 'doors', flow: 0, words: '0/min', state: 'up' });
    return draw(element.clientWidth || 800, left, right, lanes, saying(doors, ways, lanes));
  });
}

const saying = (doors, ways, lanes) =>
  [
    ...doors.map(({ name, words }) => `door ${name}: ${words}`),
    ...lanes.map(({ lane, router }) => `${lane} lane: ${router} wait for the router`),
    ...ways.map(({ name, words }) => `provider ${name}: ${words}`),
  ].join('; ');

function draw(width, left, right, lanes, label) {
  const rows = Math.max(left.length, right.length);
  const height = rows * (BOX.height + BOX.gap);
  const wide = Math.floor(width < NARROW ? width * 0.27 : Math.min(190, width * 0.24));
  const middle = Math.round((width - wide) / 2);
  const all = { left: column(left, height), right: column(right, height) };
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
  const y = height / 2;
  svg.append(
    ...all.left.map(({ flow, y: from, state }) => line(wide, from, middle, y, flow, state)),
    ...all.right.map(({ flow, y: to, state }) => line(middle + wide, y, width - wide, to, flow, state)),
    ...all.left.map((one) => box(0, one.y, wide, one.name, one.words, one.state)),
    box(middle, y, wide, 'router', waiting(lanes), lanes.some(({ router }) => router > 0) ? 'waits' : 'up'),
    ...all.right.map((one) => box(width - wide, one.y, wide, one.name, one.words, one.state)),
  );
  return svg;
}

const waiting = (lanes) => {
  const sum = lanes.reduce((total, { router, retry }) => total + router + retry, 0);
  return sum === 0 ? 'all clear' : `${sum} wait`;
};

const column = (items, height) => items.map((item, i) => ({ ...item, y: ((i + 0.5) * height) / items.length }));

function line(x1, y1, x2, y2, flow, state) {
  const half = (x1 + x2) / 2;
  const d = `M ${x1} ${y1} C ${half} ${y1} ${half} ${y2} ${x2} ${y2}`;
  const speed = flow === 0 ? 'still' : flow < 60 ? 'slow' : flow < 6_000 ? 'steady' : 'fast';
  const kind = ['up', 'draining'].includes(state) ? '' : ' out';
  return s('path', { d, class: `way ${speed}${kind}`, 'stroke-width': 1.5 + Math.min(6, Math.log10(1 + flow) * 1.5) });
}

/** What fits is shown, and all of it to a pointer that rests there. */
function box(x, y, width, name, words, state) {
  const most = Math.max(4, Math.floor(width / 8.2));
  const cut = (text) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  return s(
    'g',
    { class: `node ${state.replaceAll(' ', '-')}` },
    s('title', {}, `${name}: ${words}`),
    s('rect', { x: x + 1, y: y - BOX.height / 2, width: width - 2, height: BOX.height, rx: 8 }),
    s('text', { x: x + 10, y: y - 4, class: 'title' }, cut(name)),
    s('text', { x: x + 10, y: y + 14 }, cut(words)),
  );
}
