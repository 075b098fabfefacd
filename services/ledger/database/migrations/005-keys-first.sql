-- The provider's id before its name: PostgreSQL, which knows nothing yet about a young table, takes a provider for rare and
-- reads all of its rows.
drop index attempt_id_key;
create index attempt_id_key on attempt (id_key, provider);
drop index unmatched_receipt_id_key;
create index unmatched_receipt_id_key on unmatched_receipt (id_key, provider);
