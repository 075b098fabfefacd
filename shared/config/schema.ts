// The one schema of the configuration file. Checked at start; exported as JSON Schema for editors (`hermod check --schema`).
import { z } from 'zod';
import { LANES } from '../topology.ts';
import { clientAdmission } from './admission.ts';
import { dlrListener, httpProvider } from './bearers/http.ts';
import { modemProvider } from './bearers/modem.ts';
import { pushProvider } from './bearers/push.ts';
import { scriptProvider, scriptsSection } from './bearers/script.ts';
import { smppProvider } from './bearers/smpp.ts';
import { smtpProvider } from './bearers/smtp.ts';
import { callbacksSection, clientCallbacks } from './callbacks.ts';
import { consoleListener, consoleSection } from './console.ts';
import { httpListener, kannelAdminListener } from './http.ts';
import { incomingSection } from './incoming.ts';
import { ledgerSection, retentionSection } from './ledger.ts';
import { mailSection } from './mail.ts';
import { callerNetwork, name, network, port } from './names.ts';
import { routesSection } from './routes.ts';
import { clientSmpp, smppListener } from './smpp.ts';
import { clientMail, smtpListener, smtpsListener } from './smtp.ts';
import { duration } from './units.ts';

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
  /** Keys for the REST API and the doors that have providers' shapes: what `hermod key` prints for the configuration. */
  keys: z
    .array(z.string().regex(/^sha256\$[\w-]{43}$/, 'the line that `hermod key` prints for the configuration'))
    .max(20)
    .default([]),
  /** Networks it may call from; everywhere when absent. With denied networks too, from where it is allowed or not denied. */
  networks: z.array(callerNetwork).min(1).optional(),
  deniedNetworks: z.array(callerNetwork).min(1).optional(),
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
  ...clientAdmission,
  /** How this client's callbacks are made. */
  callbacks: clientCallbacks(network).optional(),
  /** Its mails at the mail door. */
  mail: clientMail.optional(),
  /** Its sessions at the SMPP door. */
  smpp: clientSmpp.prefault({}),
});

export const schema = z.strictObject({
  /** Where doors listen. Loopback unless set. */
  listen: z
    .strictObject({
      http: httpListener.prefault({}),
      /** Kannel's admin commands, off unless it is here. */
      kannelAdmin: kannelAdminListener.optional(),
      smtp: smtpListener.optional(),
      smtps: smtpsListener.optional(),
      smpp: smppListener.optional(),
      /** Callbacks of HTTP providers: delivery receipts and incoming messages. */
      dlr: dlrListener.optional(),
      /** The console, for people with a browser. */
      console: consoleListener.optional(),
      /** /live, /ready and /metrics. */
      admin: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.default(9_464) }).prefault({}),
    })
    .prefault({}),
  clients: z.record(name, client).default({}),
  /** Each row is one of the bearers. */
  providers: z
    .record(
      name,
      z.discriminatedUnion('bearer', [
        httpProvider,
        modemProvider,
        smppProvider,
        smtpProvider,
        scriptProvider,
        pushProvider,
      ]),
    )
    .default({}),
  /** Where the programs of script providers are. */
  scripts: scriptsSection.optional(),
  routes: routesSection(name, network),
  /** Mail in: what becomes of a mail at the SMTP door. */
  mail: mailSection(name, network).prefault({}),
  /** Messages from handsets: who gets them, and what is answered. */
  incoming: incomingSection(name).prefault({}),
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
  /** Which part of a lane's messages is traced, when OTEL_EXPORTER_OTLP_ENDPOINT names a collector. */
  traces: z
    .strictObject({
      urgent: z.number().min(0).max(1).default(1),
      bulk: z.number().min(0).max(1).default(0.01),
    })
    .prefault({}),
  /** Who may use the console. */
  console: consoleSection(name).prefault({}),
  ledger: ledgerSection.prefault({}),
  /** How long what is remembered is kept. */
  retention: retentionSection.prefault({}),
});

export type Config = z.infer<typeof schema>;
export type Client = Config['clients'][string];
export type Provider = Config['providers'][string];
export type ProviderOf<B extends Provider['bearer']> = Extract<Provider, { bearer: B }>;
export type Route = Config['routes'][number];
export type MailRule = Config['mail']['rules'][number];

/** For editors: the file as it is written, before defaults. What stands in several places is written once. */
export const jsonSchema = () => z.toJSONSchema(schema, { io: 'input', reused: 'ref' });
