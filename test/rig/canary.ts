// Marked words, numbers and secrets, and a scanner that finds them in anything that is read by others: as they stand, and in
// the forms in which programs hide them.

export type Mark = { name: string; value: string };
export type Hit = { mark: string; place: string; form: string; around: string };

const FORMS: Record<string, (value: string) => string[]> = {
  plain: (value) => [value],
  hex: (value) => [Buffer.from(value).toString('hex')],
  'UCS-2': (value) => [
    Buffer.from(value, 'utf16le').toString('latin1'),
    Buffer.from(value, 'utf16le').swap16().toString('latin1'),
  ],
  'UCS-2 in hex': (value) => [Buffer.from(value, 'utf16le').swap16().toString('hex')],
  // Base64 of a longer text that it stands in: at each of three places, without the characters that its neighbours share.
  base64: (value) =>
    [0, 1, 2].map((before) => {
      const octets = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
      return octets.toString('base64').slice(Math.ceil((before * 4) / 3), Math.floor((octets.length * 8) / 6));
    }),
};

/** What of `marks` is in `content`, which came from `place`. Letters count in either case. */
export function scan(place: string, content: Buffer | string, marks: readonly Mark[]): Hit[] {
  const octets = typeof content === 'string' ? Buffer.from(content) : content;
  const text = octets.toString('latin1');
  const lower = text.toLowerCase();
  const hits: Hit[] = [];
  for (const { name, value } of marks) {
    for (const [form, of] of Object.entries(FORMS)) {
      for (const wanted of of(value)) {
        const at = form === 'base64' ? text.indexOf(wanted) : lower.indexOf(wanted.toLowerCase());
        if (at !== -1) hits.push({ mark: name, place, form, around: text.slice(Math.max(0, at - 60), at + 60) });
      }
    }
  }
  return hits;
}
