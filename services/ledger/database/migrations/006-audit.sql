-- The audit log. Rows are only ever added: one when something is tried or refused, and one (step 1) when it has ended.
-- Entries are UUIDv7, so they sort by time.
create table audit (
  entry text not null,
  step integer not null,
  at bigint not null,
  who text not null,
  address text not null,
  action text not null,
  object text not null default '',
  result text not null,
  detail text not null default '',
  primary key (entry, step)
);
