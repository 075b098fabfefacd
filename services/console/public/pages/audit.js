// The audit log: who did what, at the console and on the command line. What was sought stands in the address.
import { call } from '../api.js';
import { clock, h, link, state, table } from '../dom.js';

const FIELDS = { user: 'Who', action: 'Action', object: 'Object' };
const COLUMNS = ['Time', 'Who', 'From', 'Action', 'Object', 'Result', 'Detail'].map((name) => ({ name }));

export function audit({ main, signal, go }) {
  const sought = new URLSearchParams(location.search);
  const results = h('section', { 'aria-label': 'Entries', 'aria-live': 'polite', 'aria-busy': 'true' });

  function submit(event) {
    event.preventDefault();
    const fields = [...new FormData(event.target)].map(([name, value]) => [name, value.trim()]);
    go(`/audit?${new URLSearchParams(fields.filter(([, value]) => value))}`);
  }
  main.append(
    h('h1', {}, 'Audit'),
    h(
      'form',
      { class: 'search', role: 'search', onsubmit: submit },
      Object.entries(FIELDS).map(([name, label]) => {
        const id = `sought-${name}`;
        const placeholder = name === 'object' ? 'such as provider main' : undefined;
        const value = sought.get(name) ?? '';
        return h(
          'div',
          {},
          h('label', { for: id }, label),
          h('input', { id, name, value, placeholder, autocomplete: 'off' }),
        );
      }),
      h('button', { class: 'main' }, 'Search'),
    ),
    results,
  );

  let all = [];
  async function load(before) {
    const query = new URLSearchParams(sought);
    if (before) query.set('before', before);
    try {
      const { entries, next } = await call(`/audit?${query}`);
      if (signal.aborted) return;
      all = [...all, ...entries];
      const older = h('button', { onclick: () => load(next), 'data-key': 'older' }, 'Older ones');
      if (all.length === 0) results.replaceChildren(h('p', {}, 'Nothing like this was done.'));
      else
        results.replaceChildren(table('What was done, the newest first', COLUMNS, all.map(cellsOf)), next ? older : '');
    } catch (error) {
      if (!signal.aborted) results.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    } finally {
      results.setAttribute('aria-busy', 'false');
    }
  }
  load();
}

const cellsOf = ({ at, user, address, action, object, result, detail }) => [
  clock(at),
  user,
  address,
  action,
  linked(object),
  state(result),
  detail || (result === 'tried' ? 'how it ended is not known' : '–'),
];

const linked = (object) => {
  const [kind, id] = object.split(' ');
  return kind === 'message' ? link(`/messages/${id}`, object) : object || '–';
};
