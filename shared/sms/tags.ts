// Templates of provider rows: fixed words with tags for the message. Our own tags, and those of LinOTP and privacyIDEA,
// so that a row from there stays as it is.

/** `from` is the sender, `id` the message's id, `callback` where the provider reports to. */
export type Tags = { to: string; text: string; from: string; id: string; callback?: string };

/** `{to}` and `{text}`, as `{phone}` and `{otp}` in privacyIDEA, and as `<phone>` and `<message>` or `<otp>` in LinOTP. */
const TAG = /\{(to|text|from|id|callback|phone|otp)\}|<(phone|message|otp)>/g;
const ALIAS: Readonly<Record<string, keyof Tags>> = { phone: 'to', otp: 'text', message: 'text' };

/**
 * The template with its tags filled in, once: a tag inside a text stays as it is (in privacyIDEA `{phone}` in a text is
 * replaced too). Other braces stay as they are. `encode` is applied to each value.
 */
export const fillTags = (template: string, tags: Tags, encode: (value: string) => string = (value) => value): string =>
  template.replaceAll(TAG, (_all, brace?: string, angle?: string) => {
    const name = (brace ?? angle)!;
    return encode(tags[ALIAS[name] ?? (name as keyof Tags)] ?? '');
  });
