// One message: what is known of it, what happened to it on one time line, and what can be done with it.
import { call, may } from '../api.js';
import { clock, command, confirm, count, facts, h, link, region, state } from '../dom.js';
import { curlOf } from './curl.js';
import { eventsOf } from './time-line.js';

const AGAIN_MS = 1_000;

export function story({ main, signal, argument: id, act, go }) {
  const head = h('div');
  const doing = h('div', { class: 'buttons' });
  const line = h('ol', { class: 'line', 'aria-label': 'What happened' });
  const why = h('div');
  const curl = h('div');
  /** What was revealed on this page. */
  const seen = {};
  main.append(
    h('p', {}, link('/messages', 'Messages')),
    h('h1', {}, 'Message'),
    head,
    doing,
    h('h2', {}, 'What happened'),
    line,
    why,
    curl,
  );

  const reveal = (path, done) => () =>
    act(async () => {
      Object.assign(seen, await call(`/messages/${id}/${path}`, {}));
      await load();
    }, `${done}, and that you saw it is written down.`);

  async function cancel() {
    const text = 'It will not be sent, and its client is told.';
    if (await confirm('Cancel this message?', text, 'Cancel the message'))
      await act(() => call(`/messages/${id}/cancel`, {}), 'Cancelled.');
    await load();
  }

  async function again() {
    const text =
      'A new message with the same text goes to the same number, by the routes of now. It has its own id, and its client is not told of it. If the first one arrived after all, the person gets it twice.';
    if (!(await confirm('Send this message again?', text, 'Send it again'))) return;
    let made;
    const done = await act(
      async () => {
        made = await call(`/messages/${id}/again`, {});
      },
      () => 'Sent again: this is the new message.',
    );
    if (done) go(`/messages/${made.id}`, 'Sent again: this is the new message.');
  }

  const showHead = region(head, ({ known, seen: { to, text } }) => [
    h('p', { class: 'verdict' }, state(known.state), ' ', known.final ? 'since ' : 'at ', clock(known.stateAt)),
    facts([
      ['Id', h('code', {}, known.id)],
      [
        'To',
        hidden(to ?? known.to, !to && may('operator') && ['Show the number', reveal('reveal', 'The number is shown')]),
      ],
      [
        'Text',
        known.textKept
          ? hidden(
              text ?? 'hidden',
              text === undefined && may('admin') && ['Show the text', reveal('text', 'The text is shown')],
            )
          : 'not kept',
      ],
      ['From', known.from],
      ['Client', link(`/clients?name=${encodeURIComponent(known.client)}`, `${known.client}, by ${known.door}`)],
      ['Lane', known.lane],
      ['Segments', String(known.segments)],
      ['Valid until', clock(known.expiry)],
      ['Callbacks', known.callbacksWaiting > 0 ? `${count(known.callbacksWaiting, 'callback')} to be made` : undefined],
      ['Client not told', known.untold],
      ['Sent again from', known.original && link(`/messages/${known.original}`, known.original)],
    ]),
  ]);

  const showDoing = region(doing, ({ state: word, final, notAgain }) =>
    [
      may('operator') &&
        word === 'scheduled' &&
        h('button', { onclick: cancel, 'data-key': 'cancel' }, 'Cancel this message'),
      may('operator') &&
        final &&
        h('button', { onclick: again, disabled: notAgain !== undefined, 'data-key': 'again' }, 'Send it again'),
      may('operator') && final && notAgain && h('p', { class: 'quiet' }, `It cannot be sent again: ${notAgain}.`),
    ].filter(Boolean),
  );

  const showLine = region(line, (events) =>
    events.map(({ at, what, text, to, href }) =>
      h('li', {}, clock(at), h('strong', {}, what), h('span', {}, text, href && ' ', href && link(href, to))),
    ),
  );

  const showCurl = region(curl, ({ known, seen: { to, text } }) => [
    h('h2', {}, 'As a request'),
    h('p', { class: 'quiet' }, 'What would send this message from a terminal. What is hidden here stands in capitals.'),
    command(curlOf(known, { number: to, text })),
  ]);

  async function load() {
    try {
      const known = await call(`/messages/${id}`);
      if (signal.aborted) return true;
      showHead({ known, seen });
      showDoing(known);
      showLine(eventsOf(known));
      showCurl({ known, seen });
      return known.final && known.callbacksWaiting === 0;
    } catch (error) {
      if (!signal.aborted) head.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
      return false;
    }
  }
  async function follow() {
    if (signal.aborted || (await load())) return;
    setTimeout(follow, AGAIN_MS);
  }
  follow();
  explain(id, why, signal);
}

const hidden = (shown, offer) =>
  [shown, offer && ' ', offer && h('button', { class: 'small', onclick: offer[1] }, offer[0])].filter(Boolean);

/** Why this provider: the steps of the router's judgement. */
async function explain(id, element, signal) {
  const { steps, provider, reason, forgotten } = await call(`/messages/${id}/why`).catch((error) => ({
    steps: [],
    reason: error.message,
    forgotten: [],
  }));
  if (signal.aborted) return;
  const words = steps.map(({ about, name, ok, words }) =>
    h(
      'li',
      { class: ok ? 'yes' : 'no' },
      h('b', {}, about === 'pick' ? 'takes it' : ok ? 'yes' : 'no'),
      h('span', {}, `${about === 'route' ? '' : 'provider '}${name}: ${words}`),
    ),
  );
  element.replaceChildren(
    h('h2', {}, 'Why this way'),
    h(
      'p',
      { class: 'quiet' },
      'The routes of now, for this message at the time of its acceptance, with every provider up. Where one was not, the time line says so.',
      forgotten.length > 0
        ? ` Not kept, so that routes which look at it count as not matching: ${forgotten.join(', ')}.`
        : '',
    ),
    h('ol', { class: 'steps' }, words),
    reason && !provider ? h('p', {}, `It would end: ${reason}.`) : '',
  );
}
