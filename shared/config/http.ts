// The configuration of the HTTP door: where it listens.
import { z } from 'zod';
import { port } from './names.ts';

export const httpListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: port.default(13_013),
  /** The path of Kannel's sendsms. */
  sendsms: z
    .string()
    .regex(/^(\/[\w.~-]+)+$/, 'a path such as /cgi-bin/sendsms')
    .default('/cgi-bin/sendsms'),
});
