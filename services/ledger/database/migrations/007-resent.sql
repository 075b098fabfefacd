-- Messages that a person sent again: the new one, and the one that it came from.
create table resent (
  id text primary key,
  original text not null,
  at bigint not null
);
create index resent_original on resent (original, at);
