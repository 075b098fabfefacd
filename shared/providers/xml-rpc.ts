// XML-RPC (http://xmlrpc.com/spec.md): a call as a request's body, and the struct or fault of its answer.
import { XMLParser } from '../http/xml.ts';
import { at, textAt } from './json.ts';

export type XmlRpcValue = string | number | boolean | readonly XmlRpcValue[] | { readonly [name: string]: XmlRpcValue };

const escaped = (text: string) =>
  text
    // What XML 1.0, 2.2 does not allow in any form.
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');

export function xmlRpcCall(method: string, params: readonly XmlRpcValue[]): string {
  const values = params.map((value) => `<param>${valueXml(value)}</param>`).join('');
  return `<?xml version="1.0"?>\n<methodCall><methodName>${escaped(method)}</methodName><params>${values}</params></methodCall>`;
}

function valueXml(value: XmlRpcValue): string {
  if (typeof value === 'string') return `<value><string>${escaped(value)}</string></value>`;
  if (typeof value === 'boolean') return `<value><boolean>${Number(value)}</boolean></value>`;
  if (typeof value === 'number')
    return Number.isInteger(value) ? `<value><int>${value}</int></value>` : `<value><double>${value}</double></value>`;
  if (Array.isArray(value)) return `<value><array><data>${value.map(valueXml).join('')}</data></array></value>`;
  const members = Object.entries(value).map(
    ([name, one]) => `<member><name>${escaped(name)}</name>${valueXml(one as XmlRpcValue)}</member>`,
  );
  return `<value><struct>${members.join('')}</struct></value>`;
}

export type XmlRpcAnswer = {
  fault: boolean /** Of the struct that is answered; texts. */;
  members: Record<string, string>;
};

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: false,
  isArray: (name) => name === 'member',
});

/** Undefined when the text is no methodResponse. */
export function xmlRpcAnswer(text: string): XmlRpcAnswer | undefined {
  let response: unknown;
  try {
    response = at(parser.parse(text), 'methodResponse');
  } catch {
    return undefined;
  }
  if (typeof response !== 'object' || response === null) return undefined;
  const fault = at(response, 'fault');
  const struct = at(fault ?? at(response, 'params.param'), 'value.struct.member');
  const members: Record<string, string> = {};
  for (const member of Array.isArray(struct) ? struct : []) {
    const name = textAt(member, 'name');
    const value = at(member, 'value');
    const inner = typeof value === 'object' && value !== null ? Object.values(value)[0] : value;
    if (name !== undefined && typeof inner === 'string') members[name] = inner;
  }
  return { fault: fault !== undefined, members };
}
