-- Messages from handsets. `sealed` is the text, encrypted; the same provider_id is the same message.
create table incoming (
  id integer primary key,
  provider text not null,
  provider_id text,
  at bigint not null,
  sender text not null,
  number text not null,
  encoding text not null default '',
  concat text not null default '',
  sealed text not null default ''
);
create unique index incoming_provider_id on incoming (provider, provider_id);
create index incoming_at on incoming (at);
