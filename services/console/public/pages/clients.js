// Clients: what they send, their limits and what waits for them; and who was refused, at which door, why and when.
import { call, may } from '../api.js';
import { ago, clock, count, duration, facts, h, link, region, round } from '../dom.js';

const EVERY_MS = 3_000;

export function clients({ main, signal, act }) {
  const only = new URLSearchParams(location.search).get('name') ?? '';
  const refused = h(
    'section',
    { 'aria-label': 'Refused' },
    h('h2', {}, 'Refused'),
    h('p', { class: 'quiet' }, 'Looking …'),
  );
  const list = h('section', { 'aria-label': 'Clients' });
  main.append(
    h('h1', {}, only ? `Client ${only}` : 'Clients'),
    only ? h('p', {}, link('/clients', 'All clients')) : '',
    refused,
    list,
  );

  const beginAgain = (client) =>
    act(async () => {
      await call(`/clients/${client}/begin-again`, {});
      await load();
    }, `${client} may send again: its rate and its quota of today count from nothing.`);

  const showRefused = region(refused, (denials) => [
    h('h2', {}, 'Refused'),
    denials.length === 0
      ? h('p', { class: 'fine' }, 'Nobody was refused since the doors started.')
      : h(
          'div',
          {},
          denials.map((denial) => refusal(denial, beginAgain)),
        ),
  ]);
  const showList = region(list, ({ since, clients: rows }) => [
    h('h2', {}, 'Clients'),
    rows.length === 0 ? h('p', {}, 'The configuration names no client.') : '',
    h('p', { class: 'quiet' }, 'Messages accepted since ', clock(since), ', at most an hour.'),
    ...rows.map((row) => card(row, beginAgain)),
  ]);

  async function load() {
    try {
      const { since, clients: rows, denials } = await call('/clients');
      if (signal.aborted) return;
      const mine = ({ client }) => !only || client === only;
      showRefused(denials.filter(mine));
      showList({ since, clients: rows.filter(mine) });
    } catch (error) {
      if (!signal.aborted) list.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    }
  }
  async function follow() {
    if (signal.aborted) return;
    await load();
    setTimeout(follow, EVERY_MS);
  }
  follow();
}

const beginButton = (client, beginAgain) =>
  may('operator')
    ? h(
        'button',
        { onclick: () => beginAgain(client), 'data-key': `again ${client}`, 'aria-label': `Let ${client} send again` },
        'Let it send again',
      )
    : '';

function refusal({ client, claimed, door, address, reason, detail, count: n, firstAt, lastAt }, beginAgain) {
  const who = client ? `${client}${claimed ? ' (as it says)' : ''}` : 'no client';
  return h(
    'article',
    { class: 'letter' },
    h('h3', {}, `${who}: ${detail || reason}`),
    h(
      'p',
      { class: 'quiet' },
      `${n === 1 ? 'once' : `${n} times`} at the ${door} door from ${address || 'an unknown address'}, the last time `,
      clock(lastAt),
      n > 1 ? [', the first time ', clock(firstAt)] : '',
    ),
    todoOf(client, reason, detail) ? h('p', {}, todoOf(client, reason, detail)) : '',
    client && ['quota', 'rate'].includes(reason) ? beginButton(client, beginAgain) : '',
  );
}

/** What would let the client in, by the closed set of reasons that doors have. */
function todoOf(client, reason, detail) {
  if (!client) return '';
  const its = `clients.${client}`;
  switch (reason) {
    case 'authorization':
    case 'network':
      return /address|network/.test(detail || reason)
        ? `Add its address to ${its}.networks, if it is right that it calls from there.`
        : `Compare its password with ${its}.password; after ten wrong ones it has to wait a minute.`;
    case 'quota':
      return `Its quota of the day is ${its}.dailyQuota: raise it, or let it begin again for today.`;
    case 'rate':
      return `It sends faster than ${its}.rate: it is told to try again.`;
    case 'number':
      return 'A number it may not send to, or one that had enough: see Numbers.';
    case 'repeat':
      return 'It repeats the same text to the same number: it may be trying again although it was told that all is well.';
    case 'sender':
      return `Add the sender to ${its}.senders, if it may use it.`;
    case 'binds':
      return `It holds as many sessions as ${its}.smpp.binds allows.`;
    default:
      return '';
  }
}

function card(row, beginAgain) {
  const { client, accepted, rate, dailyQuota, quotaUsed, callbacks, networks } = row;
  return h(
    'article',
    {},
    h('h3', {}, link(`/messages?client=${encodeURIComponent(client)}&hours=24`, client)),
    facts([
      ['Accepted', `${accepted.minute} in the last minute, ${accepted.hour} in all`],
      ['Refused', row.refused === 0 ? 'never' : count(row.refused, 'request')],
      ['Lane', `${row.lane}${row.kind === 'otp' ? ', one-time passwords' : ''}`],
      ['Most per second', rate === undefined ? 'no limit' : round(rate)],
      ['Today', dailyQuota === undefined ? 'no limit' : `${quotaUsed ?? 0} of ${dailyQuota}`],
      ['Valid for', duration(row.validity)],
      ['May call from', networks === undefined ? 'anywhere' : count(networks, 'network')],
      ['Callbacks waiting', callbacks ? `${callbacks.waiting}, the oldest ${ago(callbacks.oldest)}` : 'none'],
    ]),
    dailyQuota !== undefined && quotaUsed >= dailyQuota ? beginButton(client, beginAgain) : '',
  );
}
