// Messages as a table, wherever they are shown.
import { clock, link, state, table } from '../dom.js';

const COLUMNS = ['Time', 'To', 'From', 'Client', 'Provider', 'State'].map((name) => ({ name }));

export const messageTable = (caption, messages) =>
  table(
    caption,
    COLUMNS,
    messages.map(({ id, acceptedAt, to, from, client, provider, state: word }) => [
      link(`/messages/${id}`, clock(acceptedAt), { 'data-key': id }),
      to,
      from || '–',
      client || '–',
      provider || '–',
      state(word),
    ]),
  );
