// What is running and with which configuration, whether the file is right, and what in it is not in use yet.
import { call, may } from '../api.js';
import { ago, clock, count, h, link, region, state, table } from '../dom.js';

const EVERY_MS = 5_000;

export function configuration({ main, signal }) {
  const file = h('section', { 'aria-label': 'The file' }, h('p', { class: 'quiet' }, 'Looking …'));
  const services = h('section', { 'aria-label': 'What is running' });
  const done = h('section', { 'aria-label': 'Who changed what' });
  main.append(h('h1', {}, 'Configuration'), file, services, done);

  const showFile = region(file, ({ file: { name, mark, fault, readable }, old, changes }) => [
    fault
      ? h('p', { class: 'notice bad' }, 'The file is wrong: a service that starts now would end at once.')
      : h('p', { class: old.length > 0 ? 'notice bad' : 'fine' }, inUse(old)),
    fault ? h('pre', {}, fault) : '',
    h('p', { class: 'quiet' }, name, readable ? `, mark ${mark}` : ', which cannot be read from here'),
    h('h2', {}, 'Changed since the console started'),
    changes.length === 0
      ? h('p', {}, 'Nothing.')
      : table(
          'Settings that changed',
          [{ name: 'Setting' }, { name: 'How' }],
          changes.map(({ path, how }) => [h('code', {}, path), how]),
        ),
    changes.length > 0 ? h('p', { class: 'quiet' }, 'Values are not shown: some are secrets.') : '',
  ]);

  const showServices = region(services, ({ services: rows, mark }) => [
    h('h2', {}, 'What is running'),
    table(
      'Services',
      ['Service', 'Host', 'Version', 'File', 'Since'].map((name) => ({ name })),
      rows.map((row) => [
        row.service,
        row.host,
        row.version,
        row.mark === mark ? state('as it is') : state('older'),
        clock(row.startedAt),
      ]),
    ),
  ]);

  async function load() {
    try {
      const found = await call('/configuration');
      const entries = may('admin') ? (await call('/audit?hours=168')).entries : [];
      if (signal.aborted) return;
      const { mark } = found.file;
      const old = found.file.readable
        ? found.services.filter((row) => row.mark !== mark).map(({ service }) => service)
        : [];
      showFile({ file: found.file, old: [...new Set(old)], changes: found.changes });
      showServices({ services: found.services, mark });
      showDone(entries.filter(({ result, action }) => result === 'done' && !SEEN.test(action)).slice(0, 20));
    } catch (error) {
      if (!signal.aborted) file.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, error.message));
    }
  }

  const showDone = region(done, (entries) => [
    h('h2', {}, 'Who changed what'),
    may('admin')
      ? h('p', {}, 'What was done at the console and by command; all of it is under ', link('/audit', 'Audit'), '.')
      : h('p', { class: 'quiet' }, 'The audit log is for admins.'),
    entries.length > 0
      ? h(
          'ul',
          { class: 'plain-list' },
          entries.map(({ at, user, action, object }) =>
            h('li', {}, `${user}: ${action} ${object} `, h('span', { class: 'quiet' }, ago(at))),
          ),
        )
      : '',
  ]);

  async function follow() {
    if (signal.aborted) return;
    await load();
    setTimeout(follow, EVERY_MS);
  }
  follow();
}

/** Looking and coming and going change nothing. */
const SEEN = /^(reveal|log-)/;

const inUse = (old) =>
  old.length === 0
    ? 'The file is right, and everything that runs was started with it.'
    : `The file is right. ${count(old.length, 'service')} run with an older one: ${old.join(', ')}. Restart them to use it.`;
