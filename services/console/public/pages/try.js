// A test message to one provider, whatever the routes say, with what both sides said and what it means.
import { call } from '../api.js';
import { h, link } from '../dom.js';

export function tryProvider(provider) {
  const to = h('input', {
    id: 'try-to',
    name: 'to',
    required: true,
    inputmode: 'tel',
    autocomplete: 'off',
    placeholder: '+447700900123',
  });
  const text = h('input', {
    id: 'try-text',
    name: 'text',
    required: true,
    value: 'Test of the gateway',
    autocomplete: 'off',
  });
  const result = h('div', { 'aria-live': 'polite' });
  const send = h('button', { class: 'main' }, 'Send');
  const dialog = h(
    'dialog',
    { class: 'ask', 'aria-labelledby': 'try' },
    h('h2', { id: 'try' }, `Test ${provider}`),
    h('p', {}, 'One SMS to this number by this provider, now. It costs what an SMS costs.'),
    h(
      'form',
      { onsubmit: submit },
      h('label', { for: 'try-to' }, 'Number'),
      to,
      h('label', { for: 'try-text' }, 'Text'),
      text,
      h('div', { class: 'buttons' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'), send),
    ),
    result,
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();

  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    result.replaceChildren(h('p', { class: 'quiet' }, 'Waiting for the answer …'));
    try {
      result.replaceChildren(...answered(await call(`/providers/${provider}/try`, { to: to.value, text: text.value })));
      result.querySelector('a')?.addEventListener('click', () => dialog.close());
    } catch (error) {
      result.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    } finally {
      send.disabled = false;
    }
  }
}

function answered({ id, verdict, class: kind, reason, todo, ms, said }) {
  const good = verdict === 'accepted';
  const words = good ? `Accepted in ${ms} ms.` : `${verdict}${kind ? ` (${kind})` : ''}: ${reason}`;
  return [
    h('p', { class: good ? 'notice' : 'notice bad' }, words),
    h('p', {}, todo),
    h('p', {}, link(`/messages/${id}`, 'Its story')),
    h(
      'details',
      {},
      h('summary', {}, 'What both sides said'),
      h(
        'pre',
        {},
        said.flatMap(({ by, lines }) => lines.map((line) => `${by === 'hermod' ? '>' : '<'} ${line}`)).join('\n'),
      ),
    ),
  ];
}
