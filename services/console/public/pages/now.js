// What is wrong, in words, then what the gateway does right now.
import { live, person } from '../api.js';
import { command, h, link, region, round, state, table } from '../dom.js';
import { messageTable } from './list.js';

export function now({ main, signal }) {
  const problems = h('div', { 'aria-live': 'polite' }, h('p', { class: 'quiet' }, 'Looking …'));
  const latest = h('section', { 'aria-label': 'Latest messages' });
  const providers = h('section', { 'aria-label': 'Providers' });
  const lanes = h('section', { 'aria-label': 'Lanes' });
  main.append(h('h1', {}, 'Now'), problems, latest, h('div', { class: 'pair' }, providers, lanes));
  const showProblems = region(problems, problemList);
  const showLatest = region(latest, latestMessages);
  const showProviders = region(providers, providerTable);
  const showLanes = region(lanes, laneTable);
  live((known) => {
    showProblems(known.problems);
    showLatest(known.latest);
    showProviders(known.providers);
    showLanes(known.lanes);
  }, signal);
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
  if (messages.length > 0) return [title, messageTable('Latest messages', messages)];
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

const laneTable = (lanes) => [
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
];
