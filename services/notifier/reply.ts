// What a URL answers to a message from a handset, as the text of an SMS.
import { convert } from 'html-to-text';
import { decodeText } from '#shared/sms/charset.ts';

/** `body` is undefined when it was longer than anyone would send. */
export type Reply = { type: string; body: Buffer | undefined };

const MOST_HTML_DEPTH = 50;
const HTML = {
  wordwrap: false,
  limits: { maxDepth: MOST_HTML_DEPTH, maxInputLength: 65_536 },
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
  ],
};

/** Plain text or HTML, in the charset that it names or in UTF-8; undefined when it is neither. Without blanks around it. */
export function replyText({ type, body }: Reply): string | undefined {
  const [media = '', ...parameters] = type.split(';').map((one) => one.trim());
  const isHtml = /^text\/html$/i.test(media);
  if (body === undefined || !(isHtml || /^(text\/plain)?$/i.test(media))) return undefined;
  const named = parameters.map((one) => /^charset="?([^"\s]+)"?$/i.exec(one)?.[1]).find((one) => one !== undefined);
  const text = decodeText(body, named ?? 'UTF-8');
  if (text === undefined || !isHtml) return text?.trim();
  try {
    return convert(text, HTML).trim();
  } catch {
    return undefined;
  }
}
