// The row of a modem: a GSM stick or a serial modem on this machine, or a phone behind the program gnokii.
import { z } from 'zod';
import { providerBase } from '../provider.ts';
import { duration } from '../units.ts';

/** Kannel's `modemtype`. `auto` asks the device. */
const MODEM_TYPES = ['auto', 'wavecom', 'siemens', 'siemens-tc35', 'falcom', 'nokiaphone', 'ericsson'] as const;
export type ModemType = (typeof MODEM_TYPES)[number];

const number = z.string().regex(/^\+[1-9]\d{4,14}$/, 'a number with its country code, such as "+491710760000"');
const one = z.literal(1, 'a modem does one thing at a time: leave this out').default(1);
const path = z.string().startsWith('/', 'a path, such as /dev/serial/by-id/usb-…-if00-port0 or /dev/ttyUSB0');

const WAYS = 'one of device, imei or gnokii says where the modem is';

export const modemProvider = z
  .strictObject({
    bearer: z.literal('modem'),
    ...providerBase,
    binds: one,
    window: one,
    /** The device: best by its name under /dev/serial/by-id, which stays when the stick gets another ttyUSB. */
    device: path.optional(),
    /** Found by this instead, on any of `ports`. */
    imei: z
      .string()
      .regex(/^\d{14,16}$/, 'the 15 digits that the stick has printed on it, in quotes')
      .optional(),
    /** Where a modem is looked for by its IMEI. */
    ports: z.array(path).min(1).max(20).default(['/dev/serial/by-id/*', '/dev/ttyUSB*', '/dev/ttyACM*']),
    modemType: z.enum(MODEM_TYPES).default('auto'),
    /** Baud of a true serial line; the modem type's own unless set. */
    speed: z.int().min(300).max(4_000_000).optional(),
    /** Of the SIM. It is tried once. */
    pin: z
      .string()
      .regex(/^\d{4,8}$/, 'the 4 to 8 digits of the SIM, in quotes')
      .optional(),
    /** The number of the service centre; the SIM's own unless set. */
    smsc: number.optional(),
    /** The number of the SIM, which is the sender of all that goes out, and the recipient of what comes in. */
    myNumber: z.string().min(1).max(20).optional(),
    /** Ask for receipts and validity when the client asked, or always. */
    receipts: z.enum(['asked', 'always']).default('asked'),
    /** Hands over with `gnokii --sendsms` instead: no receipts, nothing incoming. */
    gnokii: z
      .strictObject({
        /** The gnokiirc, relative to the configuration file. */
        config: z.string().min(1),
        program: z.string().min(1).default('gnokii'),
      })
      .optional(),
    /** No answer to a command after this: the modem hangs. */
    answerTimeout: duration.default(5_000),
    /** No answer to a message after this: the answer is lost. Kannel waits as long. */
    submitTimeout: duration.default(20_000),
    /** How often an idle modem is asked for network, signal and storage. */
    checkEvery: duration.default(15_000),
  })
  .refine(({ device, imei, gnokii }) => [device, imei, gnokii].filter((way) => way !== undefined).length === 1, WAYS)
  // A SIM sends under its own number, whatever the client asked for.
  .transform((row) => ({
    ...row,
    ...(row.myNumber === undefined ? {} : { senders: { '*': row.myNumber, ...row.senders } }),
  }));
