// The row of an SMPP provider.
import { z } from 'zod';
import { port } from '../names.ts';
import { providerBase, providerTls } from '../provider.ts';
import { duration } from '../units.ts';

const address = z.strictObject({ ton: z.int().min(0).max(6).optional(), npi: z.int().min(0).max(18).optional() });

export const smppProvider = z.strictObject({
  bearer: z.literal('smpp'),
  ...providerBase,
  host: z.string().min(1),
  port: port.min(1).default(2775),
  tls: providerTls.optional(),
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
