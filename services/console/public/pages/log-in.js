// Name and password, and a code where the account has a second factor.
import { call } from '../api.js';
import { h } from '../dom.js';

export function logIn({ main, reason, done }) {
  const fault = h('p', { class: 'notice bad', role: 'alert' }, reason);
  const user = h('input', {
    id: 'user',
    name: 'user',
    autocomplete: 'username',
    required: true,
    autocapitalize: 'none',
  });
  const password = h('input', { id: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const code = h('input', { id: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '7' });
  const codeField = h('div', { hidden: true }, h('label', { for: 'code' }, 'Code from your authenticator app'), code);
  async function submit(event) {
    event.preventDefault();
    fault.textContent = '';
    const given = codeField.hidden ? {} : { code: code.value };
    try {
      const { wants } = await call('/login', { user: user.value, password: password.value, ...given });
      if (wants !== 'code') return await done();
      codeField.hidden = false;
      code.required = true;
      code.focus();
    } catch (error) {
      fault.textContent = error.message;
      const again = codeField.hidden ? password : code;
      again.value = '';
      again.focus();
    }
  }
  const local = h(
    'div',
    {},
    h('label', { for: 'user' }, 'Name'),
    user,
    h('label', { for: 'password' }, 'Password'),
    password,
    codeField,
    h('button', { class: 'main' }, 'Log in'),
  );
  const form = h('form', { class: 'log-in', onsubmit: submit }, h('h1', {}, 'Hermod'), fault, local);
  main.append(form);
  user.focus();
  offerOther(form, local);
}

/** The way by the identity provider, where there is one, and alone where nobody has a password here. */
async function offerOther(form, local) {
  const { password, singleSignOn } = await call('/ways').catch(() => ({ password: true }));
  if (singleSignOn) form.append(h('a', { href: '/api/oidc/start', class: 'button' }, singleSignOn));
  if (!password) local.remove();
}
