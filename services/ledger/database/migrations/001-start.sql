-- Messages, what was tried with them, receipts that match nothing yet, and what is owed to clients.
-- Times are epoch milliseconds. A message can be a stub: a report may be read before the message itself.
create table message (
  id text primary key,
  known integer not null default 0,
  client text not null default '',
  door text not null default '',
  lane text not null default '',
  number text not null default '',
  given text not null default '',
  sender text not null default '',
  segments integer not null default 0,
  accepted_at bigint not null default 0,
  expiry bigint not null default 0,
  traceparent text not null default '',
  dlr_mask integer not null default 0,
  dlr_url text not null default '',
  state text not null default 'accepted',
  state_at bigint not null default 0,
  final integer not null default 0,
  provider text not null default '',
  reason text not null default ''
);

-- One row for each part of a hand-over, part 0 for one that was given back.
create table attempt (
  id integer primary key,
  message_id text not null,
  handover integer not null,
  part integer not null,
  at bigint not null,
  provider text not null,
  provider_id text,
  outcome text not null,
  reason text not null default '',
  receipt_asked integer not null default 0,
  receipt_state text,
  receipt_at bigint,
  receipt_stat text,
  receipt_error text,
  unique (message_id, handover, part)
);
create index attempt_provider_id on attempt (provider, provider_id) where provider_id is not null;

create table unmatched_receipt (
  id integer primary key,
  provider text not null,
  provider_id text not null,
  at bigint not null,
  body text not null
);
create index unmatched_receipt_provider_id on unmatched_receipt (provider, provider_id);

-- One row for each callback that is owed; the rows of one message go out one after another, in the order of their ids.
create table outbox (
  id integer primary key autoincrement,
  message_id text not null,
  due_at bigint not null,
  first_at bigint not null,
  tries integer not null default 0,
  published integer not null default 0,
  body text not null
);
create index outbox_message on outbox (message_id, id);
create index outbox_due on outbox (published, due_at);

create table setting (
  name text primary key,
  value text not null
);
