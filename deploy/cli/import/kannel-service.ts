// Kannel's sms-service as a row of `incoming`, and the four reply- texts of its smsbox.

import type { Draft, Row } from './draft.ts';
import type { Settings } from './settings.ts';
import { addClient, type Choices } from './source.ts';

const WHY: Readonly<Record<string, string>> = {
  'keyword-regex': 'a row has keywords, in small or capital letters',
  'post-xml': 'a row has get, post or webhook',
  file: 'answers are a text or the reply of a URL',
  exec: 'answers are a text or the reply of a URL',
  'catch-all': 'a keyword is taken whatever follows it',
  concatenation: 'long answers go as one SMS in parts always',
  'omit-empty': 'what nothing is answered with is incoming.replies.emptyMessage',
  'assume-plain-text': 'the reply says of what type it is',
  'accept-x-kannel-headers': 'the reply is the text alone',
  'send-sender': 'the sender is in %p and X-Kannel-From',
  'strip-keyword': 'the text is passed on as it was written',
  name: 'a row has no name',
};
const REPLIES = {
  'reply-couldnotfetch': 'couldNotFetch',
  'reply-couldnotrepresent': 'couldNotRepresent',
  'reply-requestfailed': 'requestFailed',
  'reply-emptymessage': 'emptyMessage',
} as const;

/** The rows in Kannel's order, its keyword `default` last. */
export function addServices(draft: Draft, services: readonly Settings[], choices: Choices): void {
  if (services.length === 0) return;
  const client = clientFor(draft, services[0]!, choices);
  const rows = services.map((settings) => serviceRow(draft, settings, client)).filter((row) => row !== undefined);
  const isDefault = ({ when }: Row) => !(when as Row | undefined)?.keyword;
  const sorted = [...rows.filter((row) => !isDefault(row)), ...rows.filter(isDefault)];
  if (sorted.length > 0) draft.incoming = { ...draft.incoming, rows: sorted };
}

/** Answers are a client's messages: the first user's, or those of one that is made. */
function clientFor(draft: Draft, { place, warn }: Settings, choices: Choices): string {
  const [first] = Object.keys(draft.clients);
  if (first === undefined) addClient(draft, 'sms-service', place, choices);
  else warn('group', `its answers are messages of client ${first}, whose limits hold for them: name another`);
  return first ?? 'sms-service';
}

function serviceRow(draft: Draft, settings: Settings, client: string): Row | undefined {
  const target = targetOf(draft, settings, client);
  const keyword = keywordsOf(settings);
  const provider = providersOf(draft, settings);
  const answer = answerOf(settings, target);
  const sender = settings.text('faked-sender', 'sender');
  if (!target && !answer) {
    settings.rest((key) => WHY[key] ?? 'the service has no row: it names no get-url, post-url or text');
    return undefined;
  }
  for (const [key, why] of Object.entries(WHY)) if (settings.has(key)) settings.dropped(key, why);
  const when = { keyword, provider };
  const given = keyword === undefined && provider === undefined ? {} : { when };
  return { ...given, client, ...target, answer, sender };
}

function keywordsOf(settings: Settings): string | string[] | undefined {
  const keyword = settings.text('keyword') ?? settings.fail('keyword', 'missing');
  const aliases = (settings.text('aliases') ?? '').split(';').map((one) => one.trim());
  const words = [keyword.trim(), ...aliases].filter((one) => one !== '').map((one) => one.toLowerCase());
  const wrong = words.find((one) => /\s/.test(one));
  if (wrong !== undefined) settings.fail('keyword', 'a keyword is one word');
  if (keyword === 'default') {
    settings.taken('keyword', 'a row without keyword, behind the others');
    return undefined;
  }
  settings.taken('keyword', 'when.keyword, in small or capital letters');
  if (settings.has('aliases')) settings.taken('aliases', 'when.keyword');
  const all = [...new Set(words)];
  return all.length === 1 ? all[0] : all;
}

/** What Kannel calls it may call here: the host is allowed, wherever it is. */
function targetOf(draft: Draft, settings: Settings, client: string): Row | undefined {
  for (const [key, name] of [
    ['get-url', 'get'],
    ['post-url', 'post'],
  ] as const) {
    const url = settings.text(key, name);
    if (url === undefined) continue;
    const host = /^https?:\/\/(?:[^@/?#]*@)?([^:/?#]+)/i.exec(url)?.[1]?.toLowerCase();
    if (host === undefined) settings.fail(key, 'an http or https URL belongs here');
    const row = draft.clients[client]!;
    const { allow = [] } = (row.callbacks ?? {}) as { allow?: string[] };
    row.callbacks = { ...(row.callbacks as Row), allow: [...new Set([...allow, host])] };
    return { [name]: url };
  }
  return undefined;
}

function providersOf(draft: Draft, settings: Settings): string[] | undefined {
  const given = settings.text('accepted-smsc');
  if (given === undefined) return undefined;
  const names = given.split(';').map((one) => draft.providerOf(one.trim()));
  const known = names.filter((one) => one !== undefined);
  if (known.length < names.length) settings.warn('accepted-smsc', 'not every SMS centre of these has a row');
  if (known.length === 0) settings.fail('accepted-smsc', 'none of these SMS centres has a row');
  settings.taken('accepted-smsc', 'when.provider');
  return known;
}

/** Kannel answers with the reply always, unless max-messages is 0. */
function answerOf(settings: Settings, target: Row | undefined): unknown {
  const most = settings.number('max-messages');
  if (most === 0) settings.taken('max-messages', 'no answer');
  else if (most !== undefined) settings.changed('max-messages', "the client's maxSegments; nothing is cut");
  const text = settings.text('text');
  if (target) {
    if (text !== undefined) settings.dropped('text', 'the URL comes first');
    return most === 0 ? undefined : 'reply';
  }
  if (text === undefined || most === 0) return undefined;
  if (text.includes('%')) settings.warn('text', 'answer: it is sent as it stands, codes such as %p are not filled in');
  else settings.taken('text', 'answer');
  return { text };
}

/** Texts that Kannel sends unless they are empty; here they are empty unless set. */
export function readReplies(draft: Draft, settings: Settings): void {
  const replies: Row = {};
  for (const [key, name] of Object.entries(REPLIES)) {
    const text = settings.text(key, `incoming.replies.${name}`);
    if (text !== undefined) replies[name] = text;
  }
  if (Object.keys(replies).length > 0) draft.incoming = { ...draft.incoming, replies };
}
