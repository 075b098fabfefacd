// Every provider: how it does, and pausing and resuming it.
import { call, live, may } from '../api.js';
import { confirm, facts, h, region, round, state } from '../dom.js';

export function providers({ main, signal, act }) {
  const list = h('div', { class: 'providers' }, h('p', { class: 'quiet' }, 'Looking …'));
  main.append(h('h1', {}, 'Providers'), list);

  async function pause(provider) {
    const text =
      'Nothing new is handed to it. Its messages take the next provider on their route; without one they wait until their validity ends.';
    if (!(await confirm(`Pause ${provider}?`, text, 'Pause'))) return;
    await act(() => call(`/providers/${provider}/pause`, {}), `${provider} is paused.`);
  }
  const resume = (provider) =>
    act(() => call(`/providers/${provider}/resume`, {}), `${provider} takes messages again.`);

  const show = region(list, (rows) =>
    rows.length === 0
      ? h('p', {}, 'The configuration names no provider.')
      : rows.map((row) => {
          const [text, work] = row.paused ? ['Resume', resume] : ['Pause', pause];
          return h(
            'article',
            {},
            h('h2', {}, row.provider, ' ', state(row.state)),
            facts([
              ['Bearer', row.bearer ?? 'not in the configuration any more'],
              ['Binds', `${row.bound} of ${row.allowed}`],
              ['Workers', String(row.workers)],
              ['Sent per second', round(row.sentPerSecond)],
              ['Errors per second', round(row.errorsPerSecond)],
              ['In flight', String(row.inFlight)],
              ['Waiting in workers', String(row.waiting)],
              ['Late receipts', row.lateReceipts === undefined ? undefined : `${Math.round(100 * row.lateReceipts)} %`],
              ['Last error', row.lastError],
            ]),
            may('operator') && row.bearer
              ? h(
                  'button',
                  {
                    onclick: () => work(row.provider),
                    'data-key': row.provider,
                    'aria-label': `${text} ${row.provider}`,
                  },
                  text,
                )
              : '',
          );
        }),
  );
  live(({ providers: rows }) => show(rows), signal);
}
