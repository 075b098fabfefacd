// The request that tells a callback: GET of a filled URL, POST of a signed event, or, for a message from a handset, POST of
// its text with Kannel's headers.
import { type Callback, POST_SCHEME, SMPP_SCHEME, WEBHOOK_SCHEME } from '#shared/messages/callback.ts';
import type { Answer, Post } from './call.ts';
import { kannelCoding } from './coding.ts';
import { fillEscapes, MOST_FILLED } from './escapes.ts';
import { eventOf } from './event.ts';
import { type Target, targetOf } from './target.ts';

/** `post` is made anew for each try. */
export type Request = { target: Target; post?: () => Post };

/** The request, or why there can be none. `secret` signs events. */
export function requestOf(callback: Callback, secret: string | undefined): Request | Answer {
  const { url } = callback;
  if (url.startsWith(WEBHOOK_SCHEME)) {
    if (secret === undefined) return never('the client has no callbacks.secret to sign it with');
    return to(url.slice(WEBHOOK_SCHEME.length), () => eventOf(callback, secret, Date.now()));
  }
  if (url.startsWith(POST_SCHEME))
    return to(fillEscapes(url.slice(POST_SCHEME.length), callback), () => postOf(callback));
  // What waited too long in deliver.<client> comes here.
  if (url.startsWith(SMPP_SCHEME)) return never('no SMPP session of the client took it in time');
  return to(fillEscapes(url, callback));
}

function to(url: string | undefined, post?: () => Post): Request | Answer {
  if (url === undefined) return never(`the URL, filled, is longer than ${MOST_FILLED} characters`);
  const target = targetOf(url);
  if (!target) return never('no http or https URL');
  return { target, ...(post ? { post } : {}) };
}

const never = (reason: string): Answer => ({ ok: false, permanent: true, reason });

/** As recorded from Kannel 1.4.5 for its post-url; but every text is in UTF-8. */
function postOf({ incoming, values, client, at }: Callback): Post {
  const { text, encoding } = incoming!;
  const binary = encoding === 'binary';
  const time = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
  return {
    body: binary ? Buffer.from(text, 'latin1') : Buffer.from(text.toWellFormed()),
    headers: {
      'content-type': binary ? 'application/octet-stream' : 'text/plain; charset="UTF-8"',
      'x-kannel-from': plain(values.given),
      'x-kannel-to': plain(values.from),
      'x-kannel-time': time,
      'x-kannel-smsc': values.provider,
      'x-kannel-pid': '0',
      'x-kannel-alt-dcs': '0',
      'x-kannel-coding': String(kannelCoding(incoming!)),
      'x-kannel-compress': '0',
      'x-kannel-service': client,
    },
  };
}

/** Senders may be any text: a header has printable ASCII. */
const plain = (value: string) => value.replaceAll(/[^ -~]/g, '?');
