// The frame around all pages: log-in, navigation, and which page an address means.
import { call, knowPerson, may, person, startLive, stopLive, whenLoggedOut, whenUp } from './api.js';
import { h, link } from './dom.js';
import { account, enrol } from './pages/account.js';
import { audit } from './pages/audit.js';
import { clients } from './pages/clients.js';
import { configuration } from './pages/configuration.js';
import { logIn } from './pages/log-in.js';
import { messages } from './pages/messages.js';
import { now } from './pages/now.js';
import { numbers } from './pages/numbers.js';
import { providers } from './pages/providers.js';
import { queues } from './pages/queues.js';
import { story } from './pages/story.js';

/** A page builds itself into `main` and stops its work when `signal` ends. */
const PAGES = [
  { path: /^\/$/, name: 'Now', page: now },
  { path: /^\/messages$/, name: 'Messages', page: messages },
  { path: /^\/messages\/([0-9a-f-]{36})$/, name: 'Message', page: story },
  { path: /^\/providers$/, name: 'Providers', page: providers },
  { path: /^\/clients$/, name: 'Clients', page: clients },
  { path: /^\/numbers$/, name: 'Numbers', page: numbers },
  { path: /^\/configuration$/, name: 'Configuration', page: configuration },
  { path: /^\/queues$/, name: 'Queues', page: queues },
  { path: /^\/account$/, name: 'Your account', page: account },
  { path: /^\/audit$/, name: 'Audit', page: audit },
];
const MENU = {
  '/': 'Now',
  '/messages': 'Messages',
  '/providers': 'Providers',
  '/queues': 'Queues',
  '/clients': 'Clients',
  '/numbers': 'Numbers',
  '/configuration': 'Configuration',
  '/audit': 'Audit',
};
const ADMINS = new Set(['/audit']);

const main = h('main', { id: 'main', tabindex: '-1' });
const notice = h('p', { class: 'notice', role: 'status' });
const menu = h('nav', { 'aria-label': 'Pages' });
const who = h('div', { class: 'who' });
const header = h('header', {}, link('/', 'Hermod', { class: 'name' }), menu, who);
let leaving = new AbortController();

/** One line about what was just done, or what failed; the next page takes it away. */
function say(text, bad = false) {
  notice.textContent = text;
  notice.classList.toggle('bad', bad);
}

/** Does something for the person and says how it ended. */
async function act(work, done) {
  say('');
  try {
    const result = await work();
    say(typeof done === 'function' ? done(result) : done);
    return true;
  } catch (error) {
    say(error.message, true);
    return false;
  }
}

/** To another page, which begins with what was just done. */
export function go(path, done = '') {
  history.pushState({}, '', path);
  show(true);
  if (done) say(done);
}

function show(moved) {
  leaving.abort();
  leaving = new AbortController();
  say('');
  const { pathname } = location;
  const found = PAGES.find(({ path }) => path.test(pathname));
  document.title = `${found?.name ?? 'Not found'} – Hermod`;
  menu.replaceChildren(
    ...Object.entries(MENU)
      .filter(([href]) => may('admin') || !ADMINS.has(href))
      .map(([href, name]) => {
        const here = href === '/' ? pathname === '/' : pathname.startsWith(href);
        return link(href, name, { 'aria-current': here ? 'page' : undefined });
      }),
  );
  main.replaceChildren();
  if (found) found.page({ main, signal: leaving.signal, argument: found.path.exec(pathname)[1], act, go });
  else main.append(h('h1', {}, 'Not found'), h('p', {}, 'There is no such page.'));
  if (!moved) return;
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
  // Moving about is a sign that someone is there.
  call('/session').catch(() => {});
}

function showLogIn(reason = '') {
  leaving.abort();
  leaving = new AbortController();
  stopLive();
  document.title = 'Log in – Hermod';
  document.body.replaceChildren(main);
  main.replaceChildren();
  logIn({ main, reason, done: begin });
}

async function logOut() {
  const { next } = await call('/logout', {}).catch(() => ({}));
  if (next) location.assign(next);
  else showLogIn();
}

/** Whoever has to have a second factor sets one up before anything else. */
function showEnrol() {
  document.title = 'Second factor – Hermod';
  document.body.replaceChildren(notice, main);
  main.replaceChildren();
  enrol({ main, act, done: begin });
}

async function begin() {
  await knowPerson();
  if (person.enrol) return showEnrol();
  who.replaceChildren(
    link('/account', `${person.user}, ${person.role}`),
    h('button', { class: 'plain', onclick: logOut }, 'Log out'),
  );
  const skip = h('a', { href: '#main', class: 'skip' }, 'To the content');
  document.body.replaceChildren(skip, header, notice, main);
  startLive();
  show(false);
}

whenLoggedOut(() => showLogIn('Your session has ended: log in again.'));
whenUp((up) => say(up ? '' : 'The live connection is lost: trying again. What is shown may be old.', !up));
addEventListener('popstate', () => person.user && show(true));
addEventListener('click', (event) => {
  const anchor = event.target.closest?.('a[href^="/"]:not([href^="/api/"])');
  if (!anchor || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(anchor.getAttribute('href'));
});

/** With the link that `npm start` prints, or the session that there is already. */
async function enter() {
  const [, token] = /^#enter=([\w-]+)$/.exec(location.hash) ?? [];
  // The link is good for one time: it has no business in the history.
  if (token) history.replaceState({}, '', '/');
  try {
    if (token) await call('/enter', { token });
    await begin();
  } catch (error) {
    showLogIn(token ? error.message : '');
  }
}
// The link, opened where the console is open already.
addEventListener('hashchange', () => location.hash.startsWith('#enter=') && enter());
await enter();
