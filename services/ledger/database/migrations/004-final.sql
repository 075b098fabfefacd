-- When a message without a final state is judged, and the provider's ids in the form that all spellings share
-- (match.ts). Receipts that match nothing are tried again.
alter table message add column judge_at integer;
alter table message add column number_hash text;
update message set judge_at = expiry + 259200000 where final = 0;
create index message_judge on message (judge_at) where judge_at is not null;
create index message_client on message (client, id);
create index message_number_hash on message (number_hash) where number_hash is not null;

alter table attempt add column id_key text;
update attempt set id_key = ltrim(lower(replace(provider_id, '-', '')), '0') where provider_id is not null;
create index attempt_id_key on attempt (provider, id_key) where id_key is not null;
drop index attempt_provider_id;

alter table unmatched_receipt add column id_key text not null default '';
alter table unmatched_receipt add column try_at integer not null default 0;
alter table unmatched_receipt add column tries integer not null default 0;
update unmatched_receipt set id_key = ltrim(lower(replace(provider_id, '-', '')), '0');
create index unmatched_receipt_id_key on unmatched_receipt (provider, id_key);
create index unmatched_receipt_try_at on unmatched_receipt (try_at);
drop index unmatched_receipt_provider_id;

-- Messages that are not due yet: the envelope, encrypted. `releasing` once it may be with the router.
create table scheduled (
  id text primary key,
  release_at integer not null,
  lane text not null,
  releasing integer not null default 0,
  sealed text not null
);
create index scheduled_release on scheduled (releasing, release_at);

-- Texts that a client asked to keep, encrypted.
create table kept_text (
  id text primary key,
  sealed text not null
);

-- Providers that were ever configured: their queues may still be there.
create table known_provider (
  name text primary key,
  seen_at integer not null
);
