// The little that the pages need to build and renew what is shown. Text is always text: nothing here reads HTML.

/** An element. Properties: `class`, `data`, `onclick` and the like as functions, `true` for a bare attribute, else its value. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== false && child !== null));
  return element;
}

/**
 * A part of a page that shows some data: `show(data)` builds it anew when the data changed, and puts the focus back on
 * the element with the same `data-key`.
 */
export function region(element, render) {
  let shown;
  return (data) => {
    const text = JSON.stringify(data);
    if (text === shown) return;
    shown = text;
    const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    element.replaceChildren(...[render(data)].flat());
    if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  };
}

/** Columns that a phone shows beside each other. */
const MOST_NARROW = 4;

/** `columns`: `{name, number?}`; a row is its cells. One with many columns is a list of cards on a narrow screen. */
export function table(caption, columns, rows) {
  return h(
    'table',
    { role: 'table', class: columns.length > MOST_NARROW ? 'cards' : undefined },
    h('caption', { class: 'unseen' }, caption),
    h(
      'thead',
      { role: 'rowgroup' },
      h(
        'tr',
        { role: 'row' },
        columns.map(({ name, number }) =>
          h('th', { scope: 'col', role: 'columnheader', class: number && 'number' }, name),
        ),
      ),
    ),
    h(
      'tbody',
      { role: 'rowgroup' },
      rows.map((cells) =>
        h(
          'tr',
          { role: 'row' },
          cells.map((cell, i) =>
            h('td', { role: 'cell', class: columns[i].number && 'number', 'data-label': columns[i].name }, cell),
          ),
        ),
      ),
    ),
  );
}

const GOOD = new Set(['as it is', 'delivered', 'sent', 'up', 'done']);
const BAD = new Set(['failed', 'expired', 'rejected', 'unknown', 'not bound', 'no worker', 'refused', 'missing']);
const HELD = new Set(['older', 'paused', 'draining', 'scheduled', 'cancelled', 'tried']);

/** A state as a word with its colour: the word alone says enough. */
export const state = (word) =>
  h('span', { class: `state ${GOOD.has(word) ? 'good' : BAD.has(word) ? 'bad' : HELD.has(word) ? 'held' : ''}` }, word);

const sameDay = (a, b) => a.toDateString() === b.toDateString();

/** A time of day, with its date when that is not today. */
export function clock(ms) {
  if (!ms) return '–';
  const time = new Date(ms);
  const hours = time.toLocaleTimeString('en-GB');
  const text = sameDay(time, new Date()) ? hours : `${time.toLocaleDateString('en-CA')} ${hours}`;
  return h('time', { datetime: time.toISOString() }, text);
}

export const round = (n) => String(Math.round(n * 10) / 10);
export const percent = (share) => `${Math.round(100 * share)} %`;

/** A time span in one unit. */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${round(ms / 1_000)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} days`;
}
export const ago = (at) => `${duration(Math.max(0, Date.now() - at))} ago`;
export const count = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;
export const link = (href, text, properties = {}) => h('a', { href, ...properties }, text);

/** Terms and what they are; pairs without a value are left out. */
export const facts = (pairs) =>
  h(
    'dl',
    {},
    pairs
      .filter(([, value]) => value !== undefined && value !== '' && value !== null)
      .map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value))),
  );

/** Something for a terminal, with a button that copies it. */
export function command(text) {
  const copy = h('button', { onclick: () => navigator.clipboard.writeText(text) }, 'Copy');
  return h('div', { class: 'command' }, h('code', {}, text), navigator.clipboard && copy);
}

/** Asks before something that cannot be taken back, or that others notice. Resolves with whether to go on. */
export function confirm(title, text, yes) {
  return new Promise((resolve) => {
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'ask' },
      h('h2', { id: 'ask' }, title),
      h('p', {}, text),
      h(
        'form',
        { method: 'dialog', class: 'buttons' },
        h('button', { value: '' }, 'Back'),
        h('button', { value: 'yes', class: 'main' }, yes),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
