// Dead letters, for someone to decide, and what waits in every queue.
import { call, live, may } from '../api.js';
import { clock, confirm, count, h, region, table } from '../dom.js';

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

  async function load() {
    try {
      const found = await call('/letters');
      if (!signal.aborted) showLetters(found);
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

  const showLetters = region(letters, ({ all, letters: shown }) => {
    const title = h('h2', {}, 'Dead letters');
    if (all === 0) return [title, h('p', { class: 'fine' }, 'There are none.')];
    const able = shown.filter(({ fault }) => !fault).map(({ key }) => key);
    return [
      title,
      h('p', {}, 'What no service could read or finish. It waits here until someone decides. Texts are hidden.'),
      all > shown.length ? h('p', {}, `The oldest ${shown.length} of ${all} are shown.`) : '',
      may('operator') && able.length > 1
        ? h('p', {}, h('button', { onclick: () => again(able), 'data-key': 'all' }, `Send ${able.length} again`))
        : '',
      ...shown.map((letter) => card(letter)),
    ];
  });

  const card = (letter) =>
    h(
      'article',
      { class: 'letter' },
      h('h3', {}, letter.reason),
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
                'aria-label': `Send ${letter.key} again`,
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
      "Counts are the broker's: one entry can carry several messages. What a service holds is not among them.",
    ),
    table(
      'Queues',
      [{ name: 'Queue' }, { name: 'Waiting', number: true }, { name: 'Readers', number: true }],
      rows.map(({ queue, waiting, readers }) => [queue, waiting < 0 ? 'missing' : String(waiting), String(readers)]),
    ),
  ]);

  live((known) => {
    showDepths(known.queues);
    const total = JSON.stringify(known.dead);
    if (total !== dead) load();
    dead = total;
  }, signal);
}

function outline({ expiry, ...fields }) {
  const words = Object.entries(fields).map(([name, value]) => h('span', {}, h('b', {}, `${name} `), String(value)));
  if (expiry) words.push(h('span', {}, h('b', {}, expiry < Date.now() ? 'expired ' : 'valid until '), clock(expiry)));
  return h('p', { class: 'outline' }, words);
}
