// From a mail's octets to what rules look at: addresses, subject, and the decoded text. Hostile input can make this slow:
// the door runs it in a thread with a time limit (reader.ts).
import { convert } from 'html-to-text';
import { type ParsedMail, type SimpleParserOptions, simpleParser } from 'mailparser';
import { type Mail, Unreadable } from './mail.ts';

const MOST_PARTS = 100;
const MOST_HEADER = 64 * 1_024;
const MOST_HTML_DEPTH = 100;
/** Put by html-to-text where it leaves something out: no text has this noncharacter. */
const LEFT_OUT = '\uffff';

const PARSER = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipImageLinks: true,
  maxHeadSize: MOST_HEADER,
  maxChildNodes: MOST_PARTS,
} as SimpleParserOptions;

/** Lines stay as long as they are: a text that was wrapped would arrive so on the handset. */
const HTML = {
  wordwrap: false,
  limits: { maxDepth: MOST_HTML_DEPTH, ellipsis: LEFT_OUT },
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
  ],
};

/** Rejects with Unreadable for what mailparser refuses; garbage that it can make something of is a mail. */
export async function readMail(octets: Buffer): Promise<Mail> {
  let parsed: ParsedMail;
  try {
    parsed = await simpleParser(octets, PARSER);
  } catch (error) {
    const tooLarge = (error as { code?: string }).code === 'EMAXLEN';
    throw new Unreadable(
      tooLarge
        ? `a header over ${MOST_HEADER} octets, or over ${MOST_PARTS} MIME parts`
        : 'its MIME structure is broken',
    );
  }
  return {
    subject: parsed.subject ?? '',
    // What base64 or quoted-printable hid can still have other line ends.
    text: textOf(parsed).replaceAll(/\r\n?/g, '\n'),
    ...(parsed.messageId ? { messageId: parsed.messageId } : {}),
    from: parsed.from?.value[0]?.address ?? '',
    to: [parsed.to ?? []].flat().flatMap(({ value }) => value.flatMap(({ address }) => (address ? [address] : []))),
  };
}

function textOf({ text, html }: ParsedMail): string {
  if (text?.trim()) return text;
  if (!html) return text ?? '';
  let converted: string;
  try {
    converted = convert(html, HTML);
  } catch {
    throw new Unreadable('its HTML cannot be turned into text');
  }
  if (converted.includes(LEFT_OUT)) throw new Unreadable(`its HTML is nested more than ${MOST_HTML_DEPTH} deep`);
  return converted;
}
