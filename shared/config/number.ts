// How a provider's row says which form of the number it wants: see sms/rewrite.ts.
import { z } from 'zod';
import { parseReplace } from '../sms/rewrite.ts';

const MOST_PATTERN = 1_000;

const replace = z
  .string()
  .max(MOST_PATTERN)
  .transform((text, context) => {
    try {
      return parseReplace(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });

type Form = 'given' | 'digits' | 'plus' | '00';

/** `form` is what the provider gets unless the row says otherwise. */
export const numberSection = (form: Form = 'given') =>
  z
    .strictObject({
      /** `given`: as the client wrote it, made international where it was national; or E.164 as `digits`, `plus`, `00`. */
      form: z.enum(['given', 'digits', 'plus', '00']).default(form),
      /** LinOTP's MSISDN: digits only, one plus in front stays. */
      msisdn: z.boolean().default(false),
      /** LinOTP's SUPPRESS_PREFIX: taken away where the number begins with it. */
      suppressPrefix: z.string().max(20).default(''),
      /** privacyIDEA's REGEXP, such as `/^\+/00/`; in RE2's syntax. */
      replace: replace.optional(),
    })
    .prefault({});
