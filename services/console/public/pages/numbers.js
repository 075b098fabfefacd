// One number: what was sent to it, the caps that it has reached, and the clients that may not send to it any more; and the
// suppression lists as a whole.
import { call, may, person } from '../api.js';
import { clock, confirm, duration, h, region, table } from '../dom.js';
import { messageTable } from './list.js';

const SOURCES = { word: 'by SMS', command: 'by command', console: 'at the console' };

export function numbers({ main, signal, act, go }) {
  const sought = new URLSearchParams(location.search).get('number') ?? '';
  const found = h('section', { 'aria-label': 'The number', 'aria-live': 'polite' });
  const lists = h('section', { 'aria-label': 'Suppression lists' });
  const input = h('input', {
    id: 'sought-number',
    name: 'number',
    value: sought,
    required: true,
    inputmode: 'tel',
    autocomplete: 'off',
    placeholder: '+447700900123',
  });
  function submit(event) {
    event.preventDefault();
    go(`/numbers?${new URLSearchParams({ number: input.value.trim() })}`);
  }
  main.append(
    h('h1', {}, 'Numbers'),
    h(
      'form',
      { class: 'search', role: 'search', onsubmit: submit },
      h('div', {}, h('label', { for: 'sought-number' }, 'Whole number, with country code'), input),
      h('button', { class: 'main' }, 'Look up'),
    ),
    found,
    lists,
  );

  const change = (path, body, done) =>
    act(async () => {
      await call(`/numbers/${path}`, { number: sought, ...body });
      await load();
    }, done);
  const beginAgain = () => change('begin-again', {}, 'The number may have messages again.');
  async function suppress(client, suppressed) {
    const [title, text, yes, done] = suppressed
      ? [
          'Put this number on the list?',
          `Whatever ${client} sends to it is refused from then on.`,
          'Put on the list',
          `${client} may not send to it any more.`,
        ]
      : [
          'Take this number off the list?',
          `${client} may send to it again. Did the person ask for that?`,
          'Take off the list',
          `${client} may send to it again.`,
        ];
    if (await confirm(title, text, yes)) await change('suppress', { client, suppressed }, done);
  }

  const showFound = region(found, ({ number, messages, caps, suppressed }) => [
    h('h2', {}, number),
    ...caps.map(({ client, most, used, forMs }) =>
      h(
        'p',
        { class: used >= most ? 'notice bad' : '' },
        `From ${client} it had ${used} of ${most} messages; that is over in ${duration(forMs)}. `,
        used >= most ? 'More are refused until then.' : '',
      ),
    ),
    caps.length > 0 && may('operator')
      ? h('p', {}, h('button', { onclick: beginAgain, 'data-key': 'begin' }, 'Let it have messages again'))
      : '',
    ...suppressed.map(({ client, source, at }) =>
      h(
        'p',
        { class: 'notice bad' },
        `On the suppression list of ${client}, ${SOURCES[source] ?? source} since `,
        clock(at),
        '. ',
        may('operator')
          ? h(
              'button',
              {
                class: 'small',
                onclick: () => suppress(client, false),
                'data-key': `off ${client}`,
                'aria-label': `Take it off the list of ${client}`,
              },
              'Take it off',
            )
          : '',
      ),
    ),
    may('operator') ? listForm(suppressed, suppress) : '',
    messages.length > 0
      ? messageTable('Messages to this number in the last week, the newest first', messages)
      : h('p', {}, 'It had no message in the last week.'),
  ]);

  const showLists = region(lists, ({ count, numbers: rows }) => [
    h('h2', {}, 'Suppression lists'),
    count === 0
      ? h('p', {}, 'Nobody asked to be left alone.')
      : table(
          'Suppressed numbers, the newest first',
          [{ name: 'Number' }, { name: 'Client' }, { name: 'How' }, { name: 'Since' }],
          rows.map(({ number, client, source, at }) => [number, client, SOURCES[source] ?? source, clock(at)]),
        ),
    count > rows.length ? h('p', { class: 'quiet' }, `The newest ${rows.length} of ${count}.`) : '',
  ]);

  async function load() {
    try {
      const [all, one] = await Promise.all([
        call('/suppressed'),
        sought && call(`/numbers?${new URLSearchParams({ number: sought })}`),
      ]);
      if (signal.aborted) return;
      showLists(all);
      if (one) showFound(one);
    } catch (error) {
      if (!signal.aborted) found.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    }
  }
  load();
}

/** To stop a client from sending to the number. */
function listForm(suppressed, suppress) {
  const able = person.clients.filter((name) => !suppressed.some(({ client }) => client === name));
  if (able.length === 0) return '';
  const client = h(
    'select',
    { id: 'stop-client' },
    able.map((name) => h('option', { value: name }, name)),
  );
  return h(
    'form',
    {
      class: 'row',
      onsubmit(event) {
        event.preventDefault();
        suppress(client.value, true);
      },
    },
    h('label', { for: 'stop-client' }, 'Nothing more to it from'),
    client,
    h('button', {}, 'Put on the list'),
  );
}
