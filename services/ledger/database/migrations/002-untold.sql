-- Why the client was never told something about this message; empty when every callback that was owed got through.
alter table message add column untold text not null default '';
