// Dead letters, for someone to decide, and what waits in every queue.
import { call, live, may } from '../api.js';
import { clock, confirm, count, h, region, state, table } from '../dom.js';

export function queues({ main, signal, act }) {
  const letters = h(
    'section',
    { 'aria-label': 'Dead letters' },
    h('h2', {}, 'Dead letters'),
    h('p', { class: 'quiet' }, 'Looking …'),
  );
  const depths = h('section', { 'aria-label': 'Queues' });
  main.append(h('h1', {}, 'Queues'), letters, depths);
  let dead;
  /** Keys of the letters that are ticked. */
  const chosen = new Set();
  let latest = { all: 0, letters: [] };
  const redraw = () => showLetters({ ...latest, chosen: [...chosen] });

  async function load() {
    try {
      const found = await call('/letters');
      if (signal.aborted) return;
      latest = found;
      for (const key of chosen) if (!found.letters.some((letter) => letter.key === key)) chosen.delete(key);
      redraw();
    } catch (error) {
      if (!signal.aborted)
        letters.replaceChildren(h('h2', {}, 'Dead letters'), h('p', { class: 'notice bad' }, error.message));
    }
  }

  async function decide(path, keys, done) {
    await act(
      () => call(`/letters/${path}`, { keys }),
      ({ done: n, faults }) => `${count(n, 'letter')} ${done}.${faults.length > 0 ? ` Not done: ${faults[0]}` : ''}`,
    );
    await load();
  }
  const again = (keys) => decide('again', keys, 'sent again');
  async function discard(letter) {
    const end = letter.kind === 'message' ? ' The message then has its end, and its client is told.' : '';
    const text = `A ${letter.kind} from ${letter.queue}: ${letter.reason}. This cannot be taken back.${end}`;
    if (await confirm('Throw this dead letter away?', text, 'Discard'))
      await decide('discard', [letter.key], 'discarded');
  }

  async function discardChosen() {
    const text = `${count(chosen.size, 'dead letter')} and what is in them. This cannot be taken back; messages among them have their end then, and their clients are told.`;
    if (await confirm('Throw the chosen ones away?', text, 'Discard'))
      await decide('discard', [...chosen], 'discarded');
  }

  const showLetters = region(letters, ({ all, letters: shown }) => {
    const title = h('h2', {}, 'Dead letters');
    if (all === 0) return [title, h('p', { class: 'fine' }, 'There are none.')];
    const able = shown.filter(({ fault }) => !fault).map(({ key }) => key);
    return [
      title,
      h('p', {}, 'What no service could read or finish. It waits here until someone decides. Texts are hidden.'),
      all > shown.length ? h('p', {}, `The oldest ${shown.length} of ${all} are shown.`) : '',
      may('operator') && shown.length > 1 ? many(shown, able) : '',
      ...shown.map((letter) => card(letter)),
    ];
  });

  /** For all of them, or for those that are ticked. */
  function many(shown, able) {
    const picked = able.filter((key) => chosen.has(key));
    const everyone = chosen.size === shown.length;
    function tickAll() {
      for (const { key } of shown)
        if (everyone) chosen.delete(key);
        else chosen.add(key);
      redraw();
    }
    return h(
      'div',
      { class: 'buttons' },
      h('button', { onclick: tickAll, 'data-key': 'tick' }, everyone ? 'Choose none' : 'Choose all'),
      chosen.size === 0
        ? h(
            'button',
            { onclick: () => again(able), 'data-key': 'all', disabled: able.length === 0 },
            `Send ${able.length} again`,
          )
        : h(
            'button',
            { onclick: () => again(picked), 'data-key': 'all', disabled: picked.length === 0 },
            `Send ${picked.length} chosen again`,
          ),
      may('admin') && chosen.size > 0
        ? h('button', { onclick: discardChosen, 'data-key': 'discard all' }, `Discard ${chosen.size} chosen`)
        : '',
    );
  }

  const tick = ({ key, reason }) =>
    h('input', {
      type: 'checkbox',
      checked: chosen.has(key),
      'data-key': `tick ${key}`,
      'aria-label': `Choose ${key}: ${reason}`,
      onchange: ({ target }) => {
        if (target.checked) chosen.add(key);
        else chosen.delete(key);
        redraw();
      },
    });

  const card = (letter) =>
    h(
      'article',
      { class: 'letter' },
      h('h3', {}, may('operator') && latest.letters.length > 1 ? tick(letter) : '', ' ', letter.reason),
      h(
        'p',
        { class: 'quiet' },
        `${letter.kind} from ${letter.queue}, `,
        letter.at ? clock(letter.at) : 'time not known',
        `, ${letter.key}`,
      ),
      ...letter.envelopes.map(outline),
      letter.fault ? h('p', {}, `It cannot be sent again: ${letter.fault}.`) : '',
      h(
        'div',
        { class: 'buttons' },
        may('operator') && !letter.fault
          ? h(
              'button',
              {
                class: 'main',
                onclick: () => again([letter.key]),
                'data-key': `again ${letter.key}`,
                'aria-label': `Send again ${letter.key}`,
              },
              'Send again',
            )
          : '',
        may('admin')
          ? h(
              'button',
              {
                onclick: () => discard(letter),
                'data-key': `discard ${letter.key}`,
                'aria-label': `Discard ${letter.key}`,
              },
              'Discard',
            )
          : '',
      ),
    );

  const showDepths = region(depths, (rows) => [
    h('h2', {}, 'What waits'),
    h(
      'p',
      { class: 'quiet' },
      "In the order of a message's way. Counts are the broker's: one entry can carry several messages, and what a service holds is not among them.",
    ),
    ...STATIONS.map(([title, belongs]) => [title, rows.filter(({ queue }) => belongs.test(queue))])
      .filter(([, those]) => those.length > 0)
      .flatMap(([title, those]) => [
        h('h3', {}, title),
        table(
          title,
          [{ name: 'Queue' }, { name: 'Waiting', number: true }, { name: 'Readers', number: true }],
          those.map(({ queue, waiting, readers }) => [
            queue,
            waiting < 0 ? state('missing') : String(waiting),
            String(readers),
          ]),
        ),
      ]),
  ]);

  live((known) => {
    showDepths(known.queues);
    const total = JSON.stringify(known.dead);
    if (total !== dead) load();
    dead = total;
  }, signal);
}

/** The stations of a message's way, and the queues at each. */
const STATIONS = [
  ['To be routed', /^router\./],
  ['To providers', /^egress\./],
  ['To be tried again', /^retry\./],
  ['To be written down, and to be told', /^(ledger|notifier|deliver)/],
  ['Dead letters', /^dead\./],
  ['Others', /^(?!router\.|egress\.|retry\.|ledger|notifier|deliver|dead\.)/],
];

function outline({ expiry, ...fields }) {
  const words = Object.entries(fields).map(([name, value]) => h('span', {}, h('b', {}, `${name} `), String(value)));
  if (expiry) words.push(h('span', {}, h('b', {}, expiry < Date.now() ? 'expired ' : 'valid until '), clock(expiry)));
  return h('p', { class: 'outline' }, words);
}
