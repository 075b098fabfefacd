// What the REST API takes and gives, as schemas: they check the requests, and the OpenAPI document is made from them. The
// tests hold every answer to them.
import { z } from 'zod';
import { duration } from '#shared/config/units.ts';
import { FINAL_STATES } from '#shared/messages/report.ts';
import { LANES } from '#shared/topology.ts';

const DAY_MS = 24 * 3_600_000;
const LONGEST_MS = 30 * DAY_MS;
/** 255 parts of 153 septets. */
const MOST_TEXT = 39_015;
const MOST_RECIPIENTS = 1_000;

const id = z.uuid().meta({ description: 'UUIDv7, given when the message was accepted.' });
const time = z.iso.datetime({ offset: true }).meta({ description: 'RFC 3339, such as 2026-11-22T09:30:00Z.' });
const mark = z.string().min(1).max(256);
const encoding = z.enum(['gsm7', 'ucs2']);
const to = z.string().min(1).max(64);
const text = z.string().min(1).max(MOST_TEXT);

export const sendRequest = z
  .strictObject({
    to: z
      .union([to, z.array(to).min(1).max(MOST_RECIPIENTS)], 'a telephone number, or a list of them')
      .meta({ description: 'Telephone numbers with + and country code. All are accepted or none.' }),
    text: text.meta({ description: 'The SMS. Sent in GSM 7-bit where its alphabet can write it, else in UCS-2.' }),
    from: z.string().min(1).max(20).optional().meta({ description: "The sender; the client's own when absent." }),
    encoding: encoding.optional().meta({ description: 'Forces the encoding.' }),
    lane: z.enum(LANES).optional().meta({ description: 'urgent for one-time passwords, bulk for what may wait.' }),
    validity: duration
      .refine((ms) => ms >= 1_000 && ms <= LONGEST_MS, 'between 1s and 30d')
      .optional()
      .meta({ description: 'How long it is worth sending, such as 120s, 10min or 24h.' }),
    sendAt: time
      .refine((at) => Date.parse(at) - Date.now() <= LONGEST_MS, 'at most 30 days ahead')
      .optional()
      .meta({ description: 'Not before this time. A time that has passed is now.' }),
    callback: z
      .url({ protocol: /^https?$/ })
      .max(2_048)
      .optional()
      .meta({ description: 'Gets a signed event (Standard Webhooks) for each step of the message.' }),
    tags: z.array(mark).max(16).optional().meta({ description: 'Marks that routes can look at.' }),
    user: mark.optional().meta({ description: 'The person for whom the client sends, for routes.' }),
    realm: mark.optional().meta({ description: 'Where that person belongs, for routes.' }),
  })
  .meta({
    examples: [
      { to: '+447700900123', text: 'Your code is 123456', validity: '120s' },
      {
        to: ['+447700900123', '+447700900124'],
        text: 'The water is off from 9 to 11.',
        lane: 'bulk',
        tags: ['notice'],
      },
      { to: '+447700900123', text: 'Good morning', from: 'Acme', sendAt: '2025-12-24T09:30:00+01:00' },
    ],
  });

export const sendHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[!-~]{1,255}$/, '1 to 255 visible characters of ASCII')
    .optional()
    .meta({ description: 'Makes a repeat safe for 24 hours: it gets the answer of the first request.' }),
});

export const sendAnswer = z
  .strictObject({
    messages: z.array(
      z.strictObject({
        id,
        to: z.string().meta({ description: 'E.164, or the digits of a short code.' }),
        state: z.literal('accepted'),
        encoding: z.enum(['gsm7', 'ucs2']),
        segments: z.int().min(1),
      }),
    ),
  })
  .meta({
    examples: [
      {
        messages: [
          {
            ...{ id: '01a20074-2214-7e29-a54a-7f8969b6ff5c', to: '+447700900123' },
            ...{ state: 'accepted', encoding: 'gsm7', segments: 1 },
          },
        ],
      },
    ],
  });

export const previewRequest = z
  .strictObject({ text, encoding: encoding.optional() })
  .meta({ examples: [{ text: 'Your code is 123456' }, { text: 'Ihr Code – 123456' }] });

export const previewAnswer = z
  .strictObject({
    encoding,
    segments: z.int().min(1),
    units: z.int().min(1).meta({ description: 'Septets for gsm7, UTF-16 units for ucs2, without headers.' }),
    allowed: z.boolean().meta({ description: 'Whether the client may send so many segments.' }),
    parts: z.array(z.string()).meta({ description: 'The text of each short message.' }),
    notGsm7: z.array(z.string()).meta({ description: 'Characters that GSM 7-bit cannot write.' }),
  })
  .meta({
    examples: [
      {
        ...{ encoding: 'ucs2', segments: 1, units: 17, allowed: true },
        ...{ parts: ['Ihr Code – 123456'], notGsm7: ['–'] },
      },
    ],
  });

export const idParams = z.strictObject({ id: z.string().max(64) });

const attempt = z.strictObject({
  handover: z.int(),
  part: z.int(),
  at: time,
  provider: z.string(),
  providerId: z.string().nullable(),
  outcome: z.string(),
  reason: z.string(),
  receipt: z.string().nullable(),
  receiptAt: time.nullable(),
  receiptStat: z.string().nullable(),
  receiptError: z.string().nullable(),
});

const message = z.strictObject({
  id,
  client: z.string(),
  door: z.string(),
  lane: z.string(),
  to: z.string().meta({ description: 'Masked: looking up a message tells nobody a number.' }),
  from: z.string(),
  segments: z.int(),
  acceptedAt: time,
  expiry: time,
  state: z.string().meta({ description: `accepted, scheduled, submitted, and in the end ${FINAL_STATES.join(', ')}.` }),
  stateAt: time,
  final: z.boolean(),
  provider: z.string(),
  reason: z.string(),
  untold: z.string().meta({ description: 'Why a callback could not be made; empty when all were.' }),
});

export const messageAnswer = message.extend({
  attempts: z.array(attempt),
  callbacksWaiting: z.int(),
});

export const listQuery = z.strictObject({
  state: z.string().max(16).optional(),
  to: z.string().max(64).optional().meta({ description: 'The whole number.' }),
  since: time.optional().meta({ description: 'Accepted at this time or later.' }),
  before: z.uuid().optional().meta({ description: '`next` of the page before.' }),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

export const listAnswer = z.strictObject({
  messages: z.array(message).meta({ description: 'Newest first.' }),
  next: z.uuid().optional().meta({ description: 'For `before`; absent on the last page.' }),
});

export const cancelAnswer = z
  .strictObject({ id, state: z.literal('cancelled') })
  .meta({ examples: [{ id: '01a20074-2214-7e29-a54a-7f8969b6ff5c', state: 'cancelled' }] });

export const problem = z
  .strictObject({
    type: z.string().meta({ description: 'GET it: it says what to do.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({
    examples: [
      {
        ...{ type: '/v1/problems/invalid-recipient', title: 'A recipient is no telephone number', status: 400 },
        detail: 'an international number has 7 to 15 digits, this one has 3',
        errors: [{ pointer: '#/to/1', detail: 'an international number has 7 to 15 digits, this one has 3' }],
      },
    ],
  });

/** The JSON body of a signed event. */
export const event = z
  .strictObject({
    type: z.string().meta({ description: '`message.` and the state.' }),
    timestamp: time.meta({ description: 'When it happened.' }),
    data: z.strictObject({
      id,
      to: z.string(),
      from: z.string(),
      state: z.string(),
      final: z.boolean().meta({ description: 'Nothing more is told about this message.' }),
      provider: z.string().optional(),
      reason: z.string().optional(),
    }),
  })
  .meta({
    examples: [
      {
        type: 'message.delivered',
        timestamp: '2026-11-21T23:20:00.000Z',
        data: {
          ...{ id: '01a20074-2214-7e29-a54a-7f8969b6ff5c', to: '+447700900123', from: 'Acme' },
          ...{ state: 'delivered', final: true, provider: 'main' },
        },
      },
    ],
  });
