// The configuration of incoming messages: the section `incoming`. What a person sends from a handset is matched with its
// rows in their order, and the first that fits says who gets it and what is answered.
import { z } from 'zod';
import type { Config } from './schema.ts';
import { duration } from './units.ts';

const MOST_IN_LIST = 100;
const MOST_ROWS = 1_000;
const MOST_URL = 2_048;
/** Ten short messages in parts. */
const MOST_ANSWER = 1_530;

const anyOf = <T extends z.ZodType>(item: T, what: string) =>
  z.union([item, z.array(item).min(1).max(MOST_IN_LIST)], `${what}, or a list of them`);

const keyword = z
  .string()
  .regex(/^\S{1,64}$/, 'one word')
  .transform((word) => word.toLowerCase());
const number = z.string().regex(/^\+?\d{2,15}$/, 'a number or short code in quotes, such as "12345"');
const KEYWORD = 'the first word of the text';
const NUMBER = 'a number or short code in quotes, such as "12345"';

/** Kannel's escapes may stand in it, such as %p for the sender and %a for the text. */
const template = z
  .string()
  .max(MOST_URL)
  .regex(/^https?:\/\/[^\s/]/, "an http or https URL; Kannel's codes such as %p and %a may stand in it");

/** A text that is this alone, in small or capital letters and with blanks or punctuation around it or in it. */
const alone = z
  .string()
  .max(64)
  .regex(/[\p{L}\p{N}]/u, 'a word')
  .transform((word) => onlyLetters(word));

/** What is compared of a text that may be a word such as STOP: its letters and digits, as capitals. */
export const onlyLetters = (text: string): string => text.replaceAll(/[^\p{L}\p{N}]/gu, '').toUpperCase();

const STOP_WORDS = ['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT'];
const START_WORDS = ['START', 'UNSTOP'];

const reply = z.string().max(MOST_ANSWER).default('');

const row = (name: z.ZodType<string>) =>
  z.strictObject({
    /** All that are given must hold; without any it takes every message. */
    when: z
      .strictObject({
        /** First word of the text, in small or capital letters. */
        keyword: anyOf(keyword, KEYWORD),
        /** Where the person sent it: the number or short code at the provider. */
        number: anyOf(number, NUMBER),
        provider: anyOf(name, "a provider's name"),
      })
      .partial()
      .default({}),
    /** Whose message it is: its `callbacks` say how URLs are called, its limits hold for answers, its list has who said STOP. */
    client: name,
    /** Called by GET, as Kannel's get-url. */
    get: template.optional(),
    /** Called by POST with the text as body, as Kannel's post-url. */
    post: template.optional(),
    /** Gets a signed event by POST; the client needs `callbacks.secret`. */
    webhook: z
      .url({ protocol: /^https?$/, error: 'an http or https URL' })
      .max(MOST_URL)
      .optional(),
    /** Gets a mail, by the server in callbacks.mail. */
    mailbox: z.email().optional(),
    /** The client's SMPP sessions get a deliver_sm. */
    smpp: z.literal(true).optional(),
    /** `reply`: what the URL of get or post answers is sent to the person as SMS; or always the same text. */
    answer: z.union([z.literal('reply'), z.strictObject({ text: z.string().min(1).max(MOST_ANSWER) })]).optional(),
    /** Sender of answers; the number that the person sent to when absent. */
    sender: z.string().min(1).max(20).optional(),
  });

export const incomingSection = (name: z.ZodType<string>) =>
  z.strictObject({
    rows: z.array(row(name)).max(MOST_ROWS).default([]),
    /** How long a long message waits for a part that is missing; then it is handed on with a mark in its place. */
    partsWithin: duration.refine((ms) => ms >= 1_000 && ms <= 12 * 3_600_000, 'from 1s to 12h').default(10 * 60_000),
    /** Most answers to one number in an hour, so that two machines do not talk to each other without end. */
    answersPerHour: z.int().min(1).max(1_000).default(10),
    /** What is answered where `answer: reply` gives no text: nothing while empty. Kannel's reply-couldnotfetch and so on. */
    replies: z
      .strictObject({
        /** The URL does not answer, or with a status other than 2xx. */
        couldNotFetch: reply,
        /** What it answers is no text, or too long for the client. */
        couldNotRepresent: reply,
        /** The URL cannot be called: it is too long, or its address is forbidden. */
        requestFailed: reply,
        /** It answers with nothing. */
        emptyMessage: reply,
      })
      .prefault({}),
    /** A text that is one of these words alone puts its sender on the client's suppression list. */
    stopWords: z.array(alone).max(MOST_IN_LIST).default(STOP_WORDS),
    /** And one of these takes it off. */
    startWords: z.array(alone).max(MOST_IN_LIST).default(START_WORDS),
  });

export type IncomingRow = Config['incoming']['rows'][number];

export const TARGETS = ['get', 'post', 'webhook', 'mailbox', 'smpp'] as const;
export type Target = (typeof TARGETS)[number];

/** Where the row sends a message; undefined when it is only kept, or answered. */
export const targetOf = (row: IncomingRow): Target | undefined => TARGETS.find((one) => row[one] !== undefined);

type Fault = { path: (string | number)[]; message: string };

/** What is wrong between the rows, the clients and the providers, with its place. */
export function incomingFault(config: Config): Fault | undefined {
  for (const [i, row] of config.incoming.rows.entries()) {
    const fault = faultIn(row, config);
    if (fault) return { path: ['incoming', 'rows', i, ...fault.path], message: fault.message };
  }
  return undefined;
}

function faultIn(row: IncomingRow, { clients, providers, listen, callbacks }: Config): Fault | undefined {
  const { client, when, answer } = row;
  if (!Object.hasOwn(clients, client)) return { path: ['client'], message: `there is no client ${client}` };
  const missing = [when.provider ?? []].flat().find((one) => !Object.hasOwn(providers, one));
  if (missing !== undefined) return { path: ['when', 'provider'], message: `there is no provider ${missing}` };
  const [target, second] = TARGETS.filter((one) => row[one] !== undefined);
  if (second)
    return { path: [second], message: `${target} is there already: one row has one of ${TARGETS.join(', ')}` };
  if (target === 'webhook' && clients[client]!.callbacks?.secret === undefined)
    return { path: ['webhook'], message: `client ${client} needs callbacks.secret, with which the events are signed` };
  if (target === 'mailbox' && !callbacks.mail)
    return { path: ['mailbox'], message: 'callbacks.mail has to name the mail server that takes the mails' };
  if (target === 'smpp' && !listen.smpp)
    return { path: ['smpp'], message: 'listen.smpp has to be there: the client gets it on its sessions' };
  if (answer === 'reply' && target !== 'get' && target !== 'post')
    return { path: ['answer'], message: 'only the URL of get or post has a reply: write a text' };
  return undefined;
}
