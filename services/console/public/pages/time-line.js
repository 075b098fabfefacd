// What happened to a message, in the order of time: door, decision, attempts, receipts, callbacks, copies.

/** `at` epoch ms; `href` and `to` where a line leads somewhere. */
export function eventsOf(known) {
  const { acceptedAt, door, client, lane, attempts, callbacks, copies } = known;
  const events = [
    { at: acceptedAt, what: 'accepted', text: `at the ${door} door, from client ${client}, ${lane} lane` },
    ...attempts.flatMap((attempt) => eventsOfAttempt(attempt, attempts)),
    ...callbacks.map(({ owedAt, dueAt, tries }) => ({
      at: owedAt,
      what: 'callback',
      text: tries === 0 ? 'owed to the client' : `owed to the client: ${tries} tried in vain, next at ${timeOf(dueAt)}`,
    })),
    ...copies.map(({ id, at }) => ({ at, what: 'sent again', text: 'as', href: `/messages/${id}`, to: id })),
  ];
  if (known.final) {
    const who = known.provider && known.reason ? `${known.provider}: ` : '';
    events.push({
      at: known.stateAt,
      what: known.state,
      text: `${known.reason ? `${who}${known.reason}` : 'this is its end'}${toldOf(known)}`,
    });
  }
  // Of one moment, in the order in which they are told here.
  return events.sort((a, b) => a.at - b.at);
}

const timeOf = (ms) => new Date(ms).toLocaleTimeString('en-GB');

function toldOf({ tells, callbacksWaiting, untold }) {
  if (!tells) return '';
  if (untold) return '; the client could not be told';
  return callbacksWaiting > 0 ? '; the client is still to be told' : '; the client was told';
}

function eventsOfAttempt(attempt, all) {
  const { at, handover, part, provider, providerId, outcome, reason, why } = attempt;
  if (part === 0) return [{ at, what: outcome, text: `${provider ? `${provider}: ` : ''}${reason}` }];
  const parts = all.filter((other) => other.handover === handover && other.part > 0).length;
  const which = parts > 1 ? `, part ${part} of ${parts}` : '';
  const events = [{ at, what: 'submitted', text: `${provider} took it as ${providerId || '(no id)'}${which}` }];
  if (why && part === 1) events.unshift({ at, what: 'routed', text: `to ${provider}: ${why}` });
  const { receipt, receiptAt, receiptStat, receiptError } = attempt;
  if (receipt) {
    const detail = [receiptStat, receiptError && `error ${receiptError}`].filter(Boolean).join(', ');
    const text = `${provider}: ${receipt}${detail ? ` (${detail})` : ''}${which}`;
    events.push({ at: receiptAt ?? at, what: 'receipt', text });
  }
  return events;
}
