// The fields of a request to a door that has a provider's shape: from the query and from the body, whatever the content type
// says. Programs send forms as `plain/text` and texts as `application/xml`, and the names of fields in any case.
import { decodeText } from '#shared/sms/charset.ts';
import { decodeOctets } from '../query.ts';

const MOST_VALUES = 1_100;

/** By names in small letters; a name can have several values. */
export type Fields = ReadonlyMap<string, readonly string[]>;

/** The first value that is not empty. */
export const first = (fields: Fields, ...names: string[]): string | undefined =>
  names.flatMap((name) => fields.get(name) ?? []).find((value) => value !== '');

/**
 * What stands in the body counts before what stands in the query. A body that names none of `known` is a bare text: it
 * becomes the field `text`. Undefined when a part is broken: no JSON where it begins as JSON, or not UTF-8.
 */
export function readFields(
  url: string,
  body: Buffer | undefined,
  known: readonly string[],
  text: string,
): Fields | undefined {
  const query = url.includes('?') ? readForm(url.slice(url.indexOf('?') + 1)) : new Map();
  const sent = body === undefined || body.length === 0 ? new Map() : readBody(body, known, text);
  if (!query || !sent) return undefined;
  return new Map([...query, ...sent]);
}

function readBody(body: Buffer, known: readonly string[], text: string): Fields | undefined {
  const octets = body.toString('latin1').trim();
  if (octets.startsWith('{')) return readJson(body);
  const names = octets.split('&', MOST_VALUES).map((pair) => pair.split('=', 1)[0]!.toLowerCase());
  if (known.some((name) => names.includes(name))) return readForm(octets);
  const bare = decodeText(body, 'UTF-8');
  return bare === undefined ? undefined : new Map([[text, [bare]]]);
}

/** Values are texts, numbers, truths, or lists of them. A program may write a number without quotes. */
function readJson(body: Buffer): Fields | undefined {
  const fields = new Map<string, string[]>();
  try {
    for (const [name, value] of Object.entries(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)))) {
      const values = [value].flat(1).filter((one) => one !== null);
      if (values.length > MOST_VALUES || values.some((one) => typeof one === 'object')) return undefined;
      fields.set(name.toLowerCase(), values.map(String));
    }
    return fields;
  } catch {
    return undefined;
  }
}

function readForm(octets: string): Fields | undefined {
  const fields = new Map<string, string[]>();
  const pairs = octets.split('&', MOST_VALUES + 1);
  if (pairs.length > MOST_VALUES) return undefined;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) continue;
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)].map((part) =>
      decodeText(Buffer.from(decodeOctets(part), 'latin1'), 'UTF-8'),
    );
    if (name === undefined || value === undefined) return undefined;
    const known = name.toLowerCase();
    fields.set(known, [...(fields.get(known) ?? []), value]);
  }
  return fields;
}
