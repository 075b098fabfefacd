// The request that would send a message, for a terminal. What is not known here stands in capitals.

const MOST_SHORT_CODE = 6;

/** A word for a POSIX shell. */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** `url` is that of the HTTP door. */
export function curlOf({ url, client, from, lane, acceptedAt, expiry }, { number, text }) {
  const body = {
    to: number ? (number.length > MOST_SHORT_CODE ? `+${number}` : number) : 'NUMBER',
    text: text ?? 'TEXT',
    ...(from ? { from } : {}),
    lane,
    validity: `${Math.max(1, Math.round((expiry - acceptedAt) / 1_000))}s`,
  };
  return [
    `curl -u ${quoted(`${client}:PASSWORD`)} ${quoted(`${url}/v1/messages`)}`,
    "-H 'content-type: application/json'",
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(' \\\n  ');
}
