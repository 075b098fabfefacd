// One message: what is known of it, and what happened to it, on one time line.
import { call, may } from '../api.js';
import { clock, confirm, count, facts, h, link, region, state } from '../dom.js';

const AGAIN_MS = 1_000;

export function story({ main, signal, argument: id, act }) {
  const head = h('div');
  const line = h('ol', { class: 'line', 'aria-label': 'What happened' });
  let number;
  main.append(
    h('p', {}, link('/messages', 'Messages')),
    h('h1', {}, 'Message'),
    head,
    h('h2', {}, 'What happened'),
    line,
  );

  const reveal = () =>
    act(async () => {
      number = (await call(`/messages/${id}/reveal`, {})).to;
      await load();
    }, 'The number is shown, and that you saw it is written down.');

  async function cancel() {
    const sure = await confirm(
      'Cancel this message?',
      'It will not be sent, and its client is told.',
      'Cancel the message',
    );
    if (sure) await act(() => call(`/messages/${id}/cancel`, {}), 'Cancelled.');
    await load();
  }

  const showHead = region(head, ({ known, full }) => [
    h('p', { class: 'verdict' }, state(known.state), ' ', known.final ? 'since ' : 'at ', clock(known.stateAt)),
    facts([
      ['Id', h('code', {}, known.id)],
      [
        'To',
        [
          full ?? known.to,
          ' ',
          !full && may('operator') && h('button', { class: 'small', onclick: reveal }, 'Show the number'),
        ].filter(Boolean),
      ],
      ['From', known.from],
      ['Client', `${known.client}, by ${known.door}`],
      ['Lane', known.lane],
      ['Segments', String(known.segments)],
      ['Valid until', clock(known.expiry)],
      ['Callbacks', known.callbacksWaiting > 0 ? `${count(known.callbacksWaiting, 'callback')} to be made` : undefined],
      ['Client not told', known.untold],
    ]),
    known.state === 'scheduled' && may('operator')
      ? h('button', { onclick: cancel, 'data-key': 'cancel' }, 'Cancel this message')
      : '',
  ]);
  const showLine = region(line, (events) =>
    events.map(({ at, what, text }) => h('li', {}, clock(at), h('strong', {}, what), h('span', {}, text))),
  );

  async function load() {
    try {
      const known = await call(`/messages/${id}`);
      if (signal.aborted) return true;
      showHead({ known, full: number });
      showLine(eventsOf(known));
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
}

/** In the order of time. */
function eventsOf(known) {
  const { acceptedAt, door, client, lane, attempts } = known;
  const events = [
    { at: acceptedAt, what: 'accepted', text: `at the ${door} door, from client ${client}, ${lane} lane` },
    ...attempts.flatMap((attempt) => eventsOfAttempt(attempt, attempts)),
  ];
  if (known.final) {
    const who = known.provider && known.reason ? `${known.provider}: ` : '';
    events.push({
      at: known.stateAt,
      what: known.state,
      text: known.reason ? `${who}${known.reason}` : 'this is its end',
    });
  }
  return events.sort((a, b) => a.at - b.at);
}

function eventsOfAttempt(
  { at, handover, part, provider, providerId, outcome, reason, receipt, receiptAt, receiptStat, receiptError },
  all,
) {
  if (part === 0) return [{ at, what: outcome, text: `${provider}: ${reason}` }];
  const parts = all.filter((other) => other.handover === handover && other.part > 0).length;
  const which = parts > 1 ? `, part ${part} of ${parts}` : '';
  const events = [{ at, what: 'submitted', text: `${provider} took it as ${providerId ?? '(no id)'}${which}` }];
  if (receipt) {
    const detail = [receiptStat, receiptError && `error ${receiptError}`].filter(Boolean).join(', ');
    events.push({
      at: receiptAt ?? at,
      what: 'receipt',
      text: `${provider}: ${receipt}${detail ? ` (${detail})` : ''}${which}`,
    });
  }
  return events;
}
