// The row of an SMPP provider.
import { z } from 'zod';
import { port } from '../names.ts';
import { numberSection } from '../number.ts';
import { providerBase, providerTls } from '../provider.ts';
import { duration } from '../units.ts';

const octet = z.int().min(0).max(255);
const password = z.string().max(8);

const address = z.strictObject({
  ton: z.int().min(0).max(6).optional(),
  npi: z.int().min(0).max(18).optional(),
  /** A leading plus stays in the address, where Kannel takes it away. */
  plus: z.boolean().optional(),
});

/** An optional parameter of every submit_sm: an octet string in hex, text as it is, or text with its NUL. */
const tlv = z
  .strictObject({
    tag: z.int().min(1).max(0xffff),
    hex: z
      .string()
      .regex(/^([0-9a-fA-F]{2}){0,255}$/, 'octets in hex')
      .optional(),
    text: z
      .string()
      .regex(/^[ -~]{0,255}$/, 'printable ASCII')
      .optional(),
    cstring: z
      .string()
      .regex(/^[ -~]{0,254}$/, 'printable ASCII')
      .optional(),
  })
  .refine(
    ({ hex, text, cstring }) => [hex, text, cstring].filter((value) => value !== undefined).length === 1,
    'a TLV has one value: hex, text or cstring',
  );

export const smppProvider = z
  .strictObject({
    bearer: z.literal('smpp'),
    ...providerBase,
    host: z.string().min(1),
    port: port.min(1).default(2775),
    /** Other hosts of the same account, such as `smsc2.example.net` or `smsc3.example.net:2776`: tried in order, each time. */
    otherHosts: z
      .array(z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+)(:\d{1,5})?$/, 'a host, or host:port'))
      .max(10)
      .default([]),
    tls: providerTls.optional(),
    systemId: z.string().max(15),
    password: password.default(''),
    systemType: z.string().max(12).default(''),
    /** What the peer speaks. To 3.3 go no optional parameters, and a bind there is a transmitter, a receiver or both. */
    version: z.enum(['3.3', '3.4', '5.0']).default('3.4'),
    /** `transceiver`, or a transmitter and a receiver, which count as one bind slot here, or one without receipts. */
    bindAs: z.enum(['transceiver', 'transmitter+receiver', 'transmitter']).default('transceiver'),
    /** Where the receiver binds when that is elsewhere, or with another account. */
    receiver: z
      .strictObject({
        host: z.string().min(1).optional(),
        port: port.min(1).optional(),
        systemId: z.string().max(15).optional(),
        password: password.optional(),
      })
      .optional(),
    number: numberSection(),
    source: address.optional(),
    destination: address.optional(),
    serviceType: z.string().max(5).optional(),
    /** esm_class 3, as Kannel writes it; `false` leaves the mode to the SMSC. */
    storeAndForward: z.boolean().default(true),
    /** For texts whose client forced none; UCS-2 takes what it cannot write. */
    encoding: z.enum(['gsm7', 'latin1']).default('gsm7'),
    /** data_coding of a plain message, where this SMSC wants another than 0, 3, 4 and 8. */
    dataCoding: z
      .strictObject({
        gsm7: octet.optional(),
        latin1: octet.optional(),
        binary: octet.optional(),
        ucs2: octet.optional(),
      })
      .default({}),
    /** Long messages: UDH in each part, SAR TLVs, or one message_payload. */
    longMessages: z.enum(['udh', 'sar', 'payload']).default('udh'),
    tlvs: z.array(tlv).max(20).default([]),
    /** Ask for receipts and validity when the client asked (`asked`, as Kannel does) or always. */
    receipts: z.enum(['asked', 'always']).default('asked'),
    enquireLink: duration.default(30_000),
    /** No submit_sm_resp after this: the answer is lost. */
    responseTimeout: duration.default(30_000),
  })
  .refine(({ version, bindAs }) => version !== '3.3' || bindAs !== 'transceiver', {
    error: 'SMPP 3.3 has no transceiver: set bindAs: transmitter+receiver',
    path: ['bindAs'],
  })
  .refine(({ version, longMessages, tlvs }) => version !== '3.3' || (longMessages === 'udh' && tlvs.length === 0), {
    error: 'SMPP 3.3 has no optional parameters: longMessages: udh, and no tlvs',
    path: ['version'],
  })
  .refine(({ receiver, bindAs }) => receiver === undefined || bindAs === 'transmitter+receiver', {
    error: 'only with bindAs: transmitter+receiver is there a receiver',
    path: ['receiver'],
  });
