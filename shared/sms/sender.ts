// The sender as a provider gets it: its row may have another one for what the client gave.

/** `senders` is the row's: by the sender that the client gave, `*` for all others. */
export function senderFor(senders: Readonly<Record<string, string>> | undefined): (from: string) => string {
  if (!senders) return (from) => from;
  const known = new Map(Object.entries(senders));
  const others = known.get('*');
  return (from) => known.get(from) ?? others ?? from;
}
