// One's own account: the second factor, and sessions elsewhere.
import { call, person } from '../api.js';
import { h } from '../dom.js';
import { qrCode } from '../qr.js';

export function account({ main, signal, act }) {
  const factor = h('section', { 'aria-labelledby': 'factor' });
  const out = () =>
    act(
      () => call('/account/log-out-others', {}),
      ({ ended }) => `Ended elsewhere: ${ended}.`,
    );
  main.append(
    h('h1', {}, 'Your account'),
    h('p', {}, `${person.user}, ${person.role}`),
    factor,
    h('h2', {}, 'Sessions'),
    h('p', {}, 'Logs you out on every other browser.'),
    h('button', { onclick: out }, 'Log out everywhere else'),
  );
  async function load() {
    try {
      const { secondFactor } = await call('/account');
      if (signal.aborted || secondFactor === undefined) return;
      factor.replaceChildren(h('h2', { id: 'factor' }, 'Second factor'), ...factorOf(secondFactor));
    } catch (error) {
      if (!signal.aborted) factor.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    }
  }
  const factorOf = (has) =>
    has
      ? [
          h(
            'p',
            {},
            'Log-in asks for a code of your authenticator app. For another app or phone give a code of this one:',
          ),
          codeForm('Change it', (code) => act(async () => show(await call('/account/second-factor', { code })), '')),
        ]
      : [
          h('p', {}, 'There is none.'),
          h(
            'button',
            { onclick: () => act(async () => show(await call('/account/second-factor', {})), '') },
            'Set one up',
          ),
        ];
  const show = (made) =>
    factor.replaceChildren(h('h2', { id: 'factor' }, 'Second factor'), ...secretOf(made, act, load));
  load();
}

/** Before anything else may be done. */
export function enrol({ main, act, done }) {
  const place = h('section', {}, h('p', {}, 'Looking …'));
  main.append(
    h('h1', {}, 'Second factor'),
    h('p', {}, `${person.user}, your account needs a code of an authenticator app at each log-in.`),
    place,
  );
  act(async () => place.replaceChildren(...secretOf(await call('/account/second-factor', {}), act, done)), '');
}

function secretOf({ secret, uri }, act, done) {
  const spaced = secret.match(/.{1,4}/g).join(' ');
  // What every app takes for granted is left out, so that it is one to see well.
  const picture = qrCode(uri.replace(/&algorithm=.*$/, ''), 'QR code with the key below');
  return [
    h('p', {}, 'Add an account in your authenticator app: by this picture, or by the key (by time, six digits).'),
    picture && h('p', {}, picture),
    h('p', {}, h('code', { class: 'secret' }, spaced)),
    h('p', {}, h('a', { href: uri }, 'Open it in an app on this device')),
    h('p', {}, 'Then give the code that it shows. The key is not shown again.'),
    codeForm('Use it from now on', async (code) => {
      const sent = act(() => call('/account/second-factor/confirm', { code }), 'The second factor is set up.');
      if (await sent) await done();
    }),
  ].filter(Boolean);
}

function codeForm(text, work) {
  const input = h('input', {
    id: 'code',
    inputmode: 'numeric',
    autocomplete: 'one-time-code',
    maxlength: '7',
    required: true,
  });
  function submit(event) {
    event.preventDefault();
    work(input.value);
    input.value = '';
  }
  return h(
    'form',
    { class: 'code', onsubmit: submit },
    h('label', { for: 'code' }, 'Code'),
    input,
    h('button', { class: 'main' }, text),
  );
}
