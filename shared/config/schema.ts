// The one schema of the configuration file. Checked at start; exported as JSON Schema for editors (`hermod check --schema`).
import { z } from 'zod';
import { LANES } from '../topology.ts';
import { callbacksSection, clientCallbacks } from './callbacks.ts';
import { mailSection, smtpListener } from './mail.ts';
import { providerRouting, routesSection } from './routes.ts';
import { clientSmpp, smppListener } from './smpp.ts';
import { duration, rate } from './units.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name of 1 to 32 small letters, digits and dashes, such as sms4-main');
const port = z.int().min(0).max(65_535);
const network = z.union(
  [z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()],
  'an address or a network, such as 192.168.0.0/16',
);
const lane = z.enum(LANES);

/** Who may send. */
const client = z.strictObject({
  /** `scrypt$…` from `hermod password`, or plain text (only sensible in a sandbox). */
  password: z
    .string()
    .min(1)
    .regex(
      /^(?!scrypt\$)|^scrypt\$\d{4,7}\$\d{1,2}\$\d{1,2}\$[\w-]{16,}\$[\w-]{32,}$/,
      'the whole line that `hermod password` prints',
    ),
  /** Networks it may call from; everywhere when absent. */
  networks: z.array(network).min(1).optional(),
  lane: lane.default('urgent'),
  /** Sender when a request brings none. */
  sender: z.string().min(1).max(20).optional(),
  /** How long a message may wait before it is no longer worth sending. */
  validity: duration.default(24 * 3_600_000),
  /** Most segments of one message. */
  maxSegments: z.int().min(1).max(255).default(10),
  /** Most recipients of one request. */
  maxRecipients: z.int().min(1).max(1_000).default(100),
  /** ISO country of numbers without a country code. */
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'two capital letters, such as DE')
    .optional(),
  /** How this client's callbacks are made. */
  callbacks: clientCallbacks(network).optional(),
  /** Its sessions at the SMPP door. */
  smpp: clientSmpp.prefault({}),
});

const tls = z.strictObject({
  /** PEM file of the authority that signed the provider's certificate; the system's authorities when absent. */
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  /** Name in the provider's certificate when it is not the host's. */
  serverName: z.string().optional(),
});

const address = z.strictObject({ ton: z.int().min(0).max(6).optional(), npi: z.int().min(0).max(18).optional() });

const providerBase = {
  /** Binds (SMPP) or parallel connections that the provider allows. */
  binds: z.int().min(1).max(64).default(1),
  bindsPerWorker: z.int().min(1).max(64).optional(),
  /** Hand-overs without an answer, per bind. */
  window: z.int().min(1).max(5_000).default(100),
  /** Most messages a second over all binds. */
  rate: rate.optional(),
  /** When the answer to a hand-over was lost: send it again, or park it as `unknown`. */
  onUnknown: z.enum(['resend', 'park']).default('resend'),
  ...providerRouting(name),
};

const smppProvider = z.strictObject({
  bearer: z.literal('smpp'),
  ...providerBase,
  host: z.string().min(1),
  port: port.min(1).default(2775),
  tls: tls.optional(),
  systemId: z.string().max(15),
  password: z.string().max(8).default(''),
  systemType: z.string().max(12).default(''),
  /** `transceiver`, or a transmitter and a receiver, which count as one bind slot here. */
  bindAs: z.enum(['transceiver', 'transmitter+receiver']).default('transceiver'),
  /** Long messages: UDH in each part, SAR TLVs, or one message_payload. */
  longMessages: z.enum(['udh', 'sar', 'payload']).default('udh'),
  /** Ask for receipts and validity when the client asked (`asked`, as Kannel does) or always. */
  receipts: z.enum(['asked', 'always']).default('asked'),
  source: address.optional(),
  destination: address.optional(),
  enquireLink: duration.default(30_000),
  /** No submit_sm_resp after this: the answer is lost. */
  responseTimeout: duration.default(30_000),
});

export const schema = z.strictObject({
  /** Where doors listen. Loopback unless set. */
  listen: z
    .strictObject({
      http: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.default(13_013) }).prefault({}),
      smtp: smtpListener.optional(),
      smpp: smppListener.optional(),
      /** /live, /ready and /metrics. */
      admin: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.default(9_464) }).prefault({}),
    })
    .prefault({}),
  clients: z.record(name, client).default({}),
  providers: z.record(name, smppProvider).default({}),
  routes: routesSection(name, network),
  /** Mail in: what becomes of a mail at the SMTP door. */
  mail: mailSection(name, network).prefault({}),
  limits: z
    .strictObject({
      /** An urgent message that no worker took in this time goes to the next provider. */
      failoverAfter: duration.default(10_000),
    })
    .prefault({}),
  /** Runs the sandbox SMSC beside the gateway on one box: its SMPP port, and the page that shows what arrived. */
  sandbox: z.strictObject({ port: port.default(2_775), page: port.default(2_780) }).optional(),
  /** Callbacks to clients: delivery reports by HTTP. */
  callbacks: callbacksSection(network).prefault({}),
  ledger: z
    .strictObject({
      /** SQLite file, relative to the configuration file. */
      file: z.string().default('ledger.sqlite'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof schema>;
export type Client = Config['clients'][string];
export type Provider = Config['providers'][string];
export type Route = Config['routes'][number];
export type MailRule = Config['mail']['rules'][number];

/** For editors: the file as it is written, before defaults. */
export const jsonSchema = () => z.toJSONSchema(schema, { io: 'input' });
