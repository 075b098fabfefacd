// What is wrong, in words, then what the gateway does right now: as a picture, how messages ended lately, and the latest.
import { live, person } from '../api.js';
import { clock, command, duration, h, link, percent, region, round, state, table } from '../dom.js';
import { messageTable } from './list.js';
import { pipeline } from './pipeline.js';

export function now({ main, signal }) {
  const problems = h('div', { 'aria-live': 'polite' }, h('p', { class: 'quiet' }, 'Looking …'));
  const picture = h('div', { class: 'pipeline' });
  const latest = h('section', { 'aria-label': 'Latest messages' });
  const providers = h('section', { 'aria-label': 'Providers' });
  const lanes = h('section', { 'aria-label': 'Lanes' });
  const ends = h('section', { 'aria-label': 'How messages ended' });
  main.append(
    h('h1', {}, 'Now'),
    problems,
    picture,
    latest,
    h('div', { class: 'pair' }, h('div', {}, ends, lanes), providers),
  );
  const showProblems = region(problems, problemList);
  const showPicture = pipeline(picture);
  const showLatest = region(latest, latestMessages);
  const showProviders = region(providers, providerTable);
  const showLanes = region(lanes, laneTable);
  const showEnds = region(ends, endTable);
  let known;
  const draw = () =>
    known && showPicture({ flow: known.flow, providers: known.providers, lanes: known.lanes, width: innerWidth });
  live((fresh) => {
    known = fresh;
    showProblems(known.problems);
    showLatest(known.latest);
    showProviders(known.providers);
    showLanes({ lanes: known.lanes, urgentMs: known.flow.urgentMs });
    showEnds(known.flow);
    draw();
  }, signal);
  addEventListener('resize', draw, { signal });
}

function problemList(problems) {
  if (problems.length === 0) return h('p', { class: 'fine' }, 'Nothing is wrong.');
  return h(
    'ul',
    { class: 'problems' },
    problems.map(({ level, text, page }) =>
      h(
        'li',
        { class: level },
        h('strong', {}, level === 'bad' ? 'Wrong' : 'Note'),
        h('span', {}, text),
        page && link(page, 'Look', { 'aria-label': `Look: ${text}`, 'data-key': text }),
      ),
    ),
  );
}

function latestMessages(messages) {
  const title = h('h2', {}, 'Latest messages');
  if (messages.length > 0)
    return [
      title,
      messages.length === 1
        ? h(
            'p',
            { class: 'notice' },
            'The first message is here. Its time leads to its story: what happened to it, and why.',
          )
        : '',
      messageTable('Latest messages', messages),
    ];
  return [
    title,
    h('p', {}, 'There is no message yet. Send the first one from a terminal on this machine:'),
    command(person.firstSms),
    h('p', { class: 'quiet' }, 'It appears here by itself, and its time leads to its story.'),
    person.sandbox &&
      h(
        'p',
        { class: 'quiet' },
        'Nothing leaves this machine: the sandbox takes it, and shows it at ',
        h('a', { href: person.sandbox, target: '_blank', rel: 'noopener' }, person.sandbox),
        '.',
      ),
  ].filter(Boolean);
}

/** Of the last hour, the most frequent first. */
function endTable({ ended, since }) {
  const rows = Object.entries(ended).sort((a, b) => b[1] - a[1]);
  const all = rows.reduce((sum, [, n]) => sum + n, 0);
  return [
    h('h2', {}, 'How messages ended'),
    h('p', { class: 'quiet' }, 'Since ', clock(since), ', at most an hour.'),
    all === 0
      ? h('p', {}, 'None has ended in this time.')
      : table(
          'How messages ended',
          [{ name: 'State' }, { name: 'Messages', number: true }, { name: 'Share', number: true }],
          rows.map(([word, n]) => [state(word), String(n), percent(n / all)]),
        ),
  ];
}

const providerTable = (rows) => [
  h('h2', {}, 'Providers'),
  rows.length === 0
    ? h('p', {}, 'The configuration names no provider.')
    : table(
        'Providers',
        [
          { name: 'Provider' },
          { name: 'State' },
          { name: 'Binds', number: true },
          { name: 'Sent/s', number: true },
          { name: 'Errors/s', number: true },
        ],
        rows.map((row) => [
          link('/providers', row.provider, { 'data-key': row.provider }),
          state(row.state),
          `${row.bound} of ${row.allowed}`,
          round(row.sentPerSecond),
          round(row.errorsPerSecond),
        ]),
      ),
];

const laneTable = ({ lanes, urgentMs }) => [
  h('h2', {}, 'Waiting, by lane'),
  table(
    'Waiting, by lane',
    [
      { name: 'Lane' },
      { name: 'Router', number: true },
      { name: 'Providers', number: true },
      { name: 'Retries', number: true },
    ],
    lanes.map(({ lane, router, providers, retry }) => [lane, String(router), String(providers), String(retry)]),
  ),
  h(
    'p',
    { class: 'quiet' },
    urgentMs > 0
      ? `The slowest urgent message of the last minute was with its provider after ${duration(urgentMs)}.`
      : 'No urgent message went out in the last minute.',
  ),
];
