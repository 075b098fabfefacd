// What a client may send, as far as the request alone tells it: senders and recipients. See config/admission.ts.
import { MOST_ALPHANUMERIC } from '../config/admission.ts';
import type { Client } from '../config/schema.ts';
import { countryOf } from '../sms/country.ts';
import type { Recipient } from '../sms/number.ts';
import { isSuppressed } from './suppressed.ts';

/** `reason` is from a closed set of words; `refused` says more. */
export type NotPermitted = { refused: string; reason: 'sender' | 'number' | 'suppressed' };

const isNumber = (from: string) => /^\+?\d+$/.test(from);
const bare = (from: string) => from.replace(/^\+/, '');

/** The sender that a message gets when the request names `asked`. */
export function permittedSender(asked: string, client: Client): string | NotPermitted {
  const { senders, forcedSender } = client;
  const from = forcedSender ?? asked;
  const own = from === forcedSender || from === client.sender;
  if (senders && !own && !senders.some((one) => one === from || (isNumber(one) && bare(one) === bare(from))))
    return { refused: 'the sender is not one that this client may use', reason: 'sender' };
  return from.length <= MOST_ALPHANUMERIC || isNumber(from) ? from : shortened(from, client.longSender);
}

function shortened(from: string, longSender: Client['longSender']): string | NotPermitted {
  const refused = `an alphanumeric sender has at most ${MOST_ALPHANUMERIC} characters`;
  if (longSender === 'refuse') return { refused, reason: 'sender' };
  if (longSender !== 'cut') return longSender.replace;
  const cut = from.slice(0, MOST_ALPHANUMERIC).trim();
  return cut === '' ? { refused: 'the sender is blank', reason: 'sender' } : cut;
}

/** Why one of the recipients may not be sent to. */
export function notPermitted(recipients: readonly Recipient[], client: Client): NotPermitted | undefined {
  const { countries, allowedPrefixes, deniedPrefixes, whiteList, blackList } = client;
  if (!countries && !allowedPrefixes && !deniedPrefixes && !whiteList && !blackList) return undefined;
  for (const [i, { e164 }] of recipients.entries()) {
    const why = deniedBy(e164, client);
    if (why) return { refused: `recipient ${i + 1}: ${why}`, reason: 'number' };
  }
  return undefined;
}

/** Whether one of the recipients asked this client to stop. */
export function suppressedAmong(recipients: readonly Recipient[], client: string): NotPermitted | undefined {
  const i = recipients.findIndex(({ e164 }) => isSuppressed(client, e164));
  return i === -1 ? undefined : { refused: `recipient ${i + 1}: it asked this client to stop`, reason: 'suppressed' };
}

/** Lists and prefixes as Kannel weighs them: what is allowed outweighs what is denied. */
function deniedBy(e164: string, client: Client): string | undefined {
  const { countries, allowedPrefixes, deniedPrefixes, whiteList, blackList } = client;
  const begins = (prefix: string) => e164.startsWith(prefix);
  if (whiteList && !whiteList.has(e164)) return 'it is not on the white list';
  if (blackList?.has(e164)) return 'it is on the black list';
  if (!allowedPrefixes?.some(begins)) {
    if (deniedPrefixes ? deniedPrefixes.some(begins) : allowedPrefixes) return 'its prefix is not allowed';
  }
  if (!countries) return undefined;
  const country = countryOf(e164);
  return country && countries.includes(country) ? undefined : 'its country is not allowed';
}
