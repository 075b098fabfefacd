// Messages found by number, id, client, provider, state and time. What was sought stands in the address.
import { call, person } from '../api.js';
import { clock, h } from '../dom.js';
import { messageTable } from './list.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const STATES = [
  'scheduled',
  'accepted',
  'submitted',
  'delivered',
  'sent',
  'failed',
  'expired',
  'rejected',
  'cancelled',
  'unknown',
];
const TIMES = { 1: 'the last hour', 24: 'the last day', 168: 'the last week', '': 'any time' };
const FIELDS = ['number', 'client', 'provider', 'state', 'hours'];

export function messages({ main, signal, go }) {
  const sought = new URLSearchParams(location.search);
  if (!sought.has('hours')) sought.set('hours', '24');
  const results = h('section', { 'aria-label': 'Results', 'aria-live': 'polite', 'aria-busy': 'true' });

  function submit(event) {
    event.preventDefault();
    const fields = new FormData(event.target);
    const number = fields.get('number').trim();
    if (UUID.test(number)) return go(`/messages/${number.toLowerCase()}`);
    const next = new URLSearchParams(
      FIELDS.map((name) => [name, fields.get(name).trim()]).filter(([name, value]) => value || name === 'hours'),
    );
    go(`/messages?${next}`);
  }

  main.append(
    h('h1', {}, 'Messages'),
    h(
      'form',
      { class: 'search', role: 'search', onsubmit: submit },
      field(
        'number',
        'Number or id',
        h('input', {
          value: sought.get('number') ?? '',
          placeholder: 'last digits suffice',
          inputmode: 'search',
          autocomplete: 'off',
        }),
      ),
      field('client', 'Client', choices(person.clients, sought.get('client'))),
      field('provider', 'Provider', choices(person.providers, sought.get('provider'))),
      field('state', 'State', choices(STATES, sought.get('state'))),
      field('hours', 'Accepted in', options(TIMES, sought.get('hours'))),
      h('button', { class: 'main' }, 'Search'),
    ),
    results,
  );
  let all = [];

  async function load(before) {
    const query = new URLSearchParams(sought);
    if (before) query.set('before', before);
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    try {
      const { messages: found, next, lookedBackTo } = await call(`/messages?${query}`);
      if (signal.aborted) return;
      all = [...all, ...found];
      if (lookedBackTo) {
        const words = h('p', { class: 'quiet' }, 'Looking through messages before ', clock(lookedBackTo), ' …');
        results.replaceChildren(all.length > 0 ? messageTable('Messages found, the newest first', all) : '', words);
        return await load(next);
      }
      const older = h('button', { onclick: () => load(next), 'data-key': 'older' }, 'Older ones');
      if (all.length === 0) results.replaceChildren(h('p', {}, 'No message is like this.'));
      else results.replaceChildren(messageTable('Messages found, the newest first', all), next ? older : '');
    } catch (error) {
      if (!signal.aborted) results.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    } finally {
      results.setAttribute('aria-busy', 'false');
    }
  }
  load();
}

function field(name, label, control) {
  control.id = `sought-${name}`;
  control.name = name;
  return h('div', {}, h('label', { for: control.id }, label), control);
}

const choices = (names, chosen) =>
  options({ '': 'any', ...Object.fromEntries(names.map((name) => [name, name])) }, chosen);

const options = (names, chosen) =>
  h(
    'select',
    {},
    Object.entries(names).map(([value, text]) => h('option', { value, selected: value === (chosen ?? '') }, text)),
  );
