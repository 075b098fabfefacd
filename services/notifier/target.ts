// From a URL to where the call goes: the authority is read by the WHATWG URL parser, the rest travels octet for octet.
import { basic } from '#shared/providers/encode.ts';

export type Target = {
  /** `https://host:port`, without user and password. */
  origin: string;
  /** As the resolver gets it: in small letters, an IPv6 address without brackets. */
  host: string;
  /** Request target: path and query. */
  path: string;
  /** Basic authentication from the URL's user and password. */
  authorization?: string;
};

type Authority = Omit<Target, 'path'>;

/** Parsed authorities: most callbacks go to few of them. */
const known = new Map<string, Authority>();
const KNOWN_MOST = 1_000;

/** Undefined when this is no http or https URL. */
export function targetOf(url: string): Target | undefined {
  const head = /^https?:\/\/[^/?#\\]*/i.exec(url)?.[0];
  if (head === undefined) return undefined;
  let authority = known.get(head);
  if (!authority) {
    authority = authorityOf(head);
    if (!authority) return undefined;
    if (known.size >= KNOWN_MOST) known.clear();
    known.set(head, authority);
  }
  const path = pathOf(url.slice(head.length));
  return { ...authority, path };
}

function authorityOf(head: string): Authority | undefined {
  try {
    const { origin, hostname, username, password } = new URL(head);
    const host = hostname.replace(/^\[|\]$/g, '');
    if (username === '' && password === '') return { origin, host };
    return { origin, host, authorization: basic(decodeURIComponent(username), decodeURIComponent(password)) };
  } catch {
    return undefined;
  }
}

/** Without the fragment. A character that may not stand in a request line is encoded; up to U+00FF it is one octet. */
function pathOf(rest: string): string {
  const end = rest.indexOf('#');
  const path = end === -1 ? rest : rest.slice(0, end);
  const clean = /[^!-~]|\\/.test(path) ? path.toWellFormed().replace(/[^!-~]|\\/gu, encodeOne) : path;
  return clean.startsWith('/') ? clean : `/${clean}`;
}

function encodeOne(character: string): string {
  const code = character.codePointAt(0)!;
  return code > 0xff ? encodeURIComponent(character) : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}
