// Calls to the console's service, what comes live from it, and who is logged in.

export const person = { user: '', role: '', firstSms: '', sandbox: undefined, clients: [], providers: [] };

let onLoggedOut = () => {};
export const whenLoggedOut = (work) => {
  onLoggedOut = work;
};

const ROLES = ['viewer', 'operator', 'admin'];
export const may = (role) => ROLES.indexOf(person.role) >= ROLES.indexOf(role);

/** GET, or POST when there is a body. Throws an Error whose message is for the person. */
export async function call(path, body) {
  let answer;
  try {
    answer = await fetch(`/api${path}`, {
      method: body ? 'POST' : 'GET',
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Error('the console does not answer: is it running, and is the network there?');
  }
  const value = await answer.json().catch(() => ({ error: `an answer that is none (${answer.status})` }));
  if (answer.ok) return value;
  if (answer.status === 401 && !['/login', '/enter'].includes(path)) onLoggedOut();
  throw new Error(value.error ?? `refused (${answer.status})`);
}

/** Whether someone is logged in; fills `person`. */
export async function knowPerson() {
  Object.assign(person, { enrol: false }, await call('/session'));
}

const AGAIN_MS = 3_000;
const listeners = new Set();
let source;
let latest;
let isUp = false;
let onUp = () => {};

/** Runs with `true` and `false` as the live connection comes and goes. */
export const whenUp = (work) => {
  onUp = work;
};

function told(up) {
  if (isUp !== up) onUp(up);
  isUp = up;
}

export function startLive() {
  stopLive();
  source = new EventSource('/api/live');
  source.addEventListener('now', ({ data }) => {
    told(true);
    latest = JSON.parse(data);
    for (const hear of listeners) hear(latest);
  });
  source.addEventListener('ended', () => onLoggedOut());
  source.addEventListener('error', () => {
    told(false);
    // The browser tries again by itself, but not after an answer that says no.
    if (source?.readyState !== EventSource.CLOSED) return;
    const gone = source;
    setTimeout(
      () => source === gone && call('/session').then(startLive, () => source === gone && startLive()),
      AGAIN_MS,
    );
  });
}

export function stopLive() {
  source?.close();
  source = undefined;
  latest = undefined;
  isUp = false;
}

/** `hear` gets what is known now, at once if something is, and again as it changes, until `signal` ends it. */
export function live(hear, signal) {
  listeners.add(hear);
  signal.addEventListener('abort', () => listeners.delete(hear));
  if (latest) hear(latest);
}
