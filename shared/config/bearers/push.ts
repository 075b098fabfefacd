// The row of a push project: Firebase Cloud Messaging, HTTP v1.
import { z } from 'zod';
import { providerBase } from '../provider.ts';
import { duration } from '../units.ts';

export const pushProvider = z.strictObject({
  bearer: z.literal('push'),
  ...providerBase,
  /** Requests at once, each on a connection of its own. */
  window: z.int().min(1).max(500).default(20),
  /** The service account's JSON file as Firebase's console writes it; relative to the configuration file. */
  serviceAccount: z.string().min(1),
  /**
   * JSON file of the devices: `{"447700900123": "registration token"}`, numbers in E.164 without a plus. Read again when
   * it changes.
   */
  devices: z.string().min(1),
  /** The text as a plain `notification`, or a text that is privacyIDEA's challenge in JSON in privacyIDEA's form. */
  message: z.enum(['notification', 'privacyidea']).default('notification'),
  /** Title of a plain notification. */
  title: z.string().min(1).max(100).default('Message'),
  /** With `user:password@` where it asks for them. */
  proxy: z
    .string()
    .regex(/^(https?|socks5):\/\/\S+$/, 'an http, https or socks5 URL, such as http://proxy.example.net:3128')
    .optional(),
  /** Where FCM is. */
  endpoint: z.url({ protocol: /^https?$/, error: 'a URL' }).default('https://fcm.googleapis.com'),
  /** No answer after this: it is lost. */
  responseTimeout: duration.default(30_000),
});
