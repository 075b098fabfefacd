// Name and password.
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
  async function submit(event) {
    event.preventDefault();
    fault.textContent = '';
    try {
      await call('/login', { user: user.value, password: password.value });
      await done();
    } catch (error) {
      fault.textContent = error.message;
      password.value = '';
      password.focus();
    }
  }
  main.append(
    h(
      'form',
      { class: 'log-in', onsubmit: submit },
      h('h1', {}, 'Hermod'),
      fault,
      h('label', { for: 'user' }, 'Name'),
      user,
      h('label', { for: 'password' }, 'Password'),
      password,
      h('button', { class: 'main' }, 'Log in'),
    ),
  );
  user.focus();
}
