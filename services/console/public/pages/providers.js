// Every provider: how it does, what went wrong there lately, and what can be done: pause, drain, resume, a test message.
import { call, live, may } from '../api.js';
import { confirm, count, duration, facts, h, percent, region, round, state } from '../dom.js';
import { tryProvider } from './try.js';

const PAUSE =
  'Nothing is handed to it from now on. What waits goes back to the router: to the next provider on the route, or it waits until its validity ends.';
const DRAIN =
  'What waits for it is still handed over. New messages go to other providers of their route; only what no other can take still comes here. Pause it when nothing waits any more.';

export function providers({ main, signal, act }) {
  const list = h('div', { class: 'providers' }, h('p', { class: 'quiet' }, 'Looking …'));
  main.append(h('h1', {}, 'Providers'), list);

  const change = (provider, path, done) => act(() => call(`/providers/${provider}/${path}`, {}), done);
  async function pause({ provider }) {
    if (await confirm(`Pause ${provider}?`, PAUSE, 'Pause')) await change(provider, 'pause', `${provider} is paused.`);
  }
  async function drain({ provider }) {
    if (await confirm(`Drain ${provider}?`, DRAIN, 'Drain')) await change(provider, 'drain', `${provider} drains.`);
  }
  const resume = ({ provider }) => change(provider, 'resume', `${provider} takes messages again.`);
  const test = ({ provider }) => tryProvider(provider);

  const actionsFor = ({ state: word, paused, draining }) =>
    Object.entries({
      ...(paused || draining ? { Resume: resume } : {}),
      ...(paused ? {} : { Pause: pause }),
      ...(paused || draining || word !== 'up' ? {} : { Drain: drain }),
      ...(paused ? {} : { Test: test }),
    });

  const card = (row) =>
    h(
      'article',
      {},
      h('h2', {}, row.provider, ' ', state(row.state)),
      row.draining && !row.paused ? h('p', {}, drained(row)) : '',
      facts(factsOf(row)),
      may('operator') && row.bearer
        ? h(
            'div',
            { class: 'buttons' },
            actionsFor(row).map(([text, work]) =>
              h(
                'button',
                {
                  onclick: () => work(row),
                  'data-key': `${text} ${row.provider}`,
                  'aria-label': `${text} ${row.provider}`,
                },
                text,
              ),
            ),
          )
        : '',
    );

  const show = region(list, (rows) =>
    rows.length === 0 ? h('p', {}, 'The configuration names no provider.') : rows.map(card),
  );
  live(
    ({ providers: rows, queues }) => show(rows.map((row) => ({ ...row, queued: queuedFor(row.provider, queues) }))),
    signal,
  );
}

const queuedFor = (provider, queues) =>
  queues
    .filter(({ queue }) => queue.startsWith(`egress.${provider}.`))
    .reduce((sum, { waiting }) => sum + Math.max(0, waiting), 0);

const drained = ({ queued, waiting, inFlight }) =>
  queued + waiting + inFlight === 0
    ? 'It is drained: nothing waits for it and nothing is under way.'
    : `It drains: ${queued + waiting} still wait, ${inFlight} are under way.`;

function factsOf(row) {
  const { flow, rate, medianMs, lateReceipts } = row;
  const wrong = Object.entries(flow?.endings ?? {}).filter(([ending]) => ending !== 'done');
  return [
    ['Bearer', row.bearer ?? 'not in the configuration any more'],
    ['Binds held', `${row.bound} of ${row.allowed}`],
    ['Workers', String(row.workers)],
    ['Sent per second', `${round(row.sentPerSecond)}${rate ? ` of ${round(rate)}` : ''}`],
    ['In the last hour', flow ? `${count(flow.taken.hour, 'message')}, ${percent(flow.share)} of all` : '0 messages'],
    ['Receipts', medianMs === undefined ? 'none yet' : `half within ${duration(medianMs)}${lateWords(lateReceipts)}`],
    ['In flight', String(row.inFlight)],
    ['Waiting', `${row.queued} queued, ${row.waiting} in workers`],
    ['Not taken in the last hour', wrong.map(([ending, n]) => `${n} ${ENDINGS[ending] ?? ending}`).join(', ')],
    ['Last error', row.lastError],
  ];
}

const lateWords = (share) => (share > 0 ? `, ${percent(share)} after more than 15 min` : '');

/** The outcomes of a hand-over that is no success, for a person. */
const ENDINGS = {
  retry: 'to be tried again',
  refused: 'refused',
  unavailable: 'given back (not connected)',
  unknown: 'without an answer',
  waited: 'given back (waited too long)',
  expired: 'expired',
};
