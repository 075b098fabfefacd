// The row of an HTTP provider: a preset with its account, or a template of one's own.
import { z } from 'zod';
import { RECEIPT_STATES } from '../../messages/report.ts';
import { PRESETS } from '../../providers/list.ts';
import type { Preset } from '../../providers/preset.ts';
import { pattern } from '../mail.ts';
import { network } from '../names.ts';
import { numberSection } from '../number.ts';
import { providerBase, providerTls } from '../provider.ts';
import { duration } from '../units.ts';

const MOST_TEMPLATE = 10_000;
const MINUTE = 60_000;
/** The user and password of a URL show up in too many places. */
const ADDRESS = /^https?:\/\/[^/?#@\s]+(?:[/?#]\S*)?$/;
const url = z.string().max(2_048).regex(ADDRESS, 'an http or https URL without user and password');
const base = url.transform((text) => text.replace(/\/+$/, ''));

/** Where a provider's callbacks come in: see listen.dlr. */
const callbacks = z.strictObject({
  /** Last part of the path, for providers that do not sign: `hermod key` makes one. */
  token: z
    .string()
    .regex(/^[\w-]{16,128}$/, 'at least 16 letters, digits, dashes and underscores')
    .optional(),
  /** Networks that the provider calls from; everywhere when absent. */
  networks: z.array(network).min(1).optional(),
});

const common = {
  bearer: z.literal('http'),
  ...providerBase,
  /** Requests without an answer, per bind: as many connections are kept. */
  window: z.int().min(1).max(1_000).default(10),
  tls: providerTls
    .extend({
      /** `false` takes any certificate: only for a test. */
      verify: z.boolean().default(true),
    })
    .optional(),
  /** With `user:password@` where it asks for them. Names of hosts are resolved by the proxy. */
  proxy: z
    .string()
    .regex(/^(https?|socks5):\/\/\S+$/, 'an http, https or socks5 URL, such as socks5://user:password@10.0.0.1:1080')
    .optional(),
  /** No connection after this: the provider is unavailable. */
  connectTimeout: duration.default(3_000),
  /** No answer after this, with the time to connect: the answer is lost. */
  timeout: duration.default(30_000),
  /** Ask for receipts and validity when the client asked or always. */
  receipts: z.enum(['asked', 'always']).default('asked'),
  dlr: callbacks.optional(),
};

const login = z.strictObject({ user: z.string().min(1), password: z.string() });
const auth = z.union(
  [
    z.strictObject({ basic: login }),
    z.strictObject({ digest: login }),
    z.strictObject({ bearer: z.string().min(1) }),
    z.strictObject({
      /** Client credentials: the token is fetched, kept and renewed. */
      oauth2: z.strictObject({
        tokenUrl: url,
        clientId: z.string().min(1),
        clientSecret: z.string().min(1),
        scope: z.string().optional(),
        credentials: z.enum(['header', 'body']).default('header'),
      }),
    }),
  ],
  'one of basic, digest, bearer and oauth2, with its settings',
);

const template = z.string().max(MOST_TEMPLATE);
const scalar = z.union([template, z.number(), z.boolean(), z.null()], 'a text, a number, true, false or null');
/** A list is a repeated parameter, null leaves it out. */
const params = z.record(
  z.string().min(1),
  z.union([scalar, z.array(scalar).max(100)], 'a text, a number, true, false, null or a list of them'),
);

const rule = z
  .strictObject({
    /** RE2, found anywhere in the answer. */
    regex: pattern.optional(),
    /** What the answer begins with. */
    prefix: z.string().min(1).optional(),
    /** What stands anywhere in the answer. */
    contains: z.string().min(1).optional(),
  })
  .optional();

const statusClass = z.enum(['1xx', '2xx', '3xx', '4xx', '5xx']);
const answer = z.strictObject({
  /** Statuses of success, such as `[200, 201, 202]`; `any` leaves the verdict to the rules alone. */
  status: z
    .union(
      [z.literal('any'), z.array(z.union([z.int().min(100).max(599), statusClass])).min(1)],
      'any, or a list such as [200, 201, 202] or [2xx]',
    )
    .default(['2xx']),
  /** The first that is there decides alone: regex, prefix, contains, and of each success before failure. */
  success: rule,
  failure: rule,
  /** The provider's id for the message: a path in JSON, a header, or the first group of a pattern. */
  id: z
    .strictObject({ json: z.string().optional(), header: z.string().optional(), regex: pattern.optional() })
    .optional(),
});

const field = z.string().min(1).max(200);

/** With its own template. Texts may hold the tags {to} {text} {from} {id} {callback}, and those of LinOTP and privacyIDEA. */
const templateRow = z.strictObject({
  ...common,
  preset: z.literal('template').optional(),
  url,
  /** GET without a body, POST with one, unless set. */
  method: z.enum(['GET', 'POST', 'PUT']).optional(),
  query: params.optional(),
  headers: z.record(z.string().regex(/^[!#$%&'*+.^`|~\w-]+$/, 'the name of a header'), template).optional(),
  /** Of query and form. */
  charset: z.enum(['utf-8', 'iso-8859-1']).default('utf-8'),
  form: params.optional(),
  json: z.json().optional(),
  xmlRpc: z.strictObject({ method: z.string().min(1), params: z.array(z.json()).default([]) }).optional(),
  body: template.optional(),
  auth: auth.optional(),
  number: numberSection(),
  answer: answer.prefault({}),
  /** What its callbacks say, by the names of parameters or paths in JSON. */
  receipt: z
    .strictObject({
      /** The provider's id, or ours, where the request had it as {id}. */
      id: field,
      state: field,
      /** Its words for states, and ours. */
      states: z.record(field, z.enum(RECEIPT_STATES)),
      error: field.optional(),
      to: field.optional(),
    })
    .optional(),
  incoming: z.strictObject({ from: field, to: field, text: field, id: field.optional() }).optional(),
});

/** How often the credit is asked for, where the preset knows how. */
const balanceEvery = z
  .union([z.literal('off'), duration.refine((ms) => ms >= MINUTE, 'at least 1min')], 'off, or a duration such as 15min')
  .default(15 * MINUTE);

const presetRow = (preset: Preset) =>
  z.strictObject({
    ...common,
    preset: z.literal(preset.name),
    account: preset.account,
    /** Another address than the provider's usual one. */
    url: preset.url === '' ? base : base.default(preset.url),
    number: numberSection(preset.number),
    ...(preset.balance ? { balanceEvery } : {}),
  });

export const httpProvider = z.discriminatedUnion(
  'preset',
  [templateRow, ...PRESETS.map(presetRow)],
  `the name of a preset (${PRESETS.map(({ name }) => name).join(', ')}), or left out for a template`,
);

/** The door for providers' callbacks. */
export const dlrListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(13_014),
  /** Where providers reach it, through whatever stands before it: requests name it, and signatures cover it. */
  url: base,
  /** Proxies in front of it, whose X-Forwarded-For is believed. */
  proxies: z.array(network).default([]),
});

type HttpRow = z.infer<typeof httpProvider>;
type Rows = {
  listen: { dlr?: z.infer<typeof dlrListener> | undefined };
  providers: Readonly<Record<string, { bearer: string }>>;
};
type Fault = { path: (string | number)[]; message: string };

/** What is wrong between an HTTP row's parts, and between the rows and the door for callbacks. */
export function httpFault({ listen, providers }: Rows): Fault | undefined {
  for (const [name, row] of Object.entries(providers)) {
    const fault = row.bearer === 'http' ? rowFault(row as HttpRow, listen.dlr !== undefined) : undefined;
    if (fault) return { path: ['providers', name, ...fault.path], message: fault.message };
  }
  return undefined;
}

function rowFault(row: HttpRow, open: boolean): Fault | undefined {
  const { tls, dlr } = row;
  if ((tls?.cert === undefined) !== (tls?.key === undefined))
    return { path: ['tls'], message: 'cert and key belong together' };
  if (dlr && !open) return { path: ['dlr'], message: 'needs listen.dlr, where callbacks come in' };
  const preset = 'account' in row ? PRESETS.find(({ name }) => name === row.preset) : undefined;
  if (dlr && !dlr.token && !signs(preset, row))
    return { path: ['dlr', 'token'], message: 'missing: without a signature to check, callbacks need a token' };
  return 'account' in row ? undefined : templateFault(row);
}

const NOTHING = { method: 'POST', url: '', query: {}, form: {}, json: undefined, headers: {}, body: '' };

/** Whether callbacks of this account can be told from anyone's. */
function signs(preset: Preset | undefined, row: HttpRow): boolean {
  return 'account' in row && preset?.signed?.(NOTHING, row.account) !== undefined;
}

function templateFault(row: z.infer<typeof templateRow>): Fault | undefined {
  const bodies = (['form', 'json', 'xmlRpc', 'body'] as const).filter((key) => row[key] !== undefined);
  if (bodies.length > 1)
    return { path: [bodies[1]!], message: `there is a ${bodies[0]} already: a request has one body` };
  if (row.method === 'GET' && bodies[0]) return { path: [bodies[0]], message: 'GET has no body: use query' };
  const { status, success, failure } = row.answer;
  const rules = [
    success?.regex,
    failure?.regex,
    success?.prefix,
    failure?.prefix,
    success?.contains,
    failure?.contains,
  ];
  if (status === 'any' && rules.every((one) => one === undefined))
    return { path: ['answer', 'status'], message: 'any answer would be a success: add a rule, or name statuses' };
  return undefined;
}
