// One try of a callback: GET, or POST of a signed event, a time limit for all of it, few redirects, each judged by the address rule.
import type { Dispatcher } from 'undici';
import { failureText } from '#shared/http/failures.ts';
import { Refused } from './addresses.ts';
import type { Caller } from './clients.ts';
import type { Reply } from './reply.ts';
import { type Target, targetOf } from './target.ts';

/** `permanent`: the same call would end the same way. The reason never holds the URL. `reply`, where it was asked for. */
export type Answer = { ok: boolean; reason: string; permanent?: true; reply?: Reply };

/** What is sent by POST; without it the call is a GET. */
export type Post = { headers: Record<string, string>; body: string | Buffer };

const MOST_REDIRECTS = 3;
const MOST_BODY = 65_536;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** A receiver of signed events says so when it wants no more of them. */
const GONE = 410;

/** Never rejects. `timeoutMs` covers names, connections, redirects and answers. A `post` follows no redirect. */
export async function makeCall(
  first: Target,
  caller: Caller,
  userAgent: string,
  timeoutMs: number,
  post?: Post,
  wantsReply = false,
): Promise<Answer> {
  const deadline = performance.now() + timeoutMs;
  let target = first;
  try {
    for (let redirects = 0; ; redirects++) {
      caller.rule.check(target.host);
      if (caller.proxied) await caller.rule.checkName(target.host);
      // What the client's row or URL authenticates is the URL's host and no other.
      const authorization = target.authorization ?? (target.origin === first.origin ? caller.authorization : undefined);
      const asked = { userAgent, authorization, post, wantsReply };
      const { status, location, reply } = await call(caller.dispatcher, target, asked, deadline);
      if (status >= 200 && status < 300) return { ok: true, reason: String(status), ...(wantsReply ? { reply } : {}) };
      if (post) return { ok: false, reason: `HTTP status ${status}`, ...(status === GONE ? { permanent: true } : {}) };
      if (!REDIRECTS.has(status) || location === undefined) return { ok: false, reason: `HTTP status ${status}` };
      if (redirects === MOST_REDIRECTS) return { ok: false, reason: `more than ${MOST_REDIRECTS} redirects` };
      target = redirected(target, location);
    }
  } catch (error) {
    const refused = refusalIn(error);
    return refused
      ? { ok: false, reason: refused.message, permanent: true }
      : { ok: false, reason: failed(error, timeoutMs) };
  }
}

function redirected(from: Target, location: string): Target {
  const url = URL.canParse(location, from.origin + from.path) ? new URL(location, from.origin + from.path).href : '';
  const target = targetOf(url);
  if (!target) throw new Refused('it redirects to what is no http or https URL');
  return target;
}

type Asked = { userAgent: string; authorization: string | undefined; post: Post | undefined; wantsReply: boolean };
type Got = { status: number; location: string | undefined; reply: Reply };

/** The status of the final answer; its body is read up to a limit, and thrown away unless someone wants it. */
function call(
  dispatcher: Dispatcher,
  { origin, path }: Target,
  { userAgent, authorization, post, wantsReply }: Asked,
  deadline: number,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let got: Got | undefined;
    let octets = 0;
    const chunks: Buffer[] = [];
    let late = false;
    const timer = setTimeout(
      () => {
        late = true;
        controller?.abort(new TimeOver());
        reject(new TimeOver());
      },
      Math.max(0, deadline - performance.now()),
    );
    const settle = () => {
      clearTimeout(timer);
      if (wantsReply && octets <= MOST_BODY) got!.reply.body = Buffer.concat(chunks);
      resolve(got!);
    };
    dispatcher.dispatch(
      {
        origin,
        path,
        method: post ? 'POST' : 'GET',
        headers: {
          'User-Agent': userAgent,
          ...(authorization === undefined ? {} : { authorization }),
          ...post?.headers,
        },
        ...(post ? { body: post.body } : {}),
      },
      {
        onRequestStart(fresh) {
          controller = fresh;
          if (late) fresh.abort(new TimeOver());
        },
        onResponseStart(_controller, status, { location, 'content-type': type }) {
          got = { status, location: first(location), reply: { type: first(type) ?? '', body: undefined } };
        },
        onResponseData(active, chunk) {
          octets += chunk.length;
          if (wantsReply) chunks.push(Buffer.from(chunk));
          if (octets <= MOST_BODY) return;
          settle();
          active.abort(new Error('the answer is longer than anyone reads'));
        },
        onResponseEnd: settle,
        onResponseError(_controller, error) {
          clearTimeout(timer);
          reject(error);
        },
      },
    );
  });
}

const first = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);

class TimeOver extends Error {
  override name = 'TimeOver';
}

/** The address rule's verdict, however deep the connection's error holds it. */
function refusalIn(error: unknown): Refused | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof Refused) return cause;
  return undefined;
}

const failed = (error: unknown, timeoutMs: number) =>
  error instanceof TimeOver ? `no answer within ${timeoutMs / 1_000} s` : failureText(error);
