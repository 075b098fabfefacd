-- Second factors of the console's local accounts: secrets, encrypted. `pending` until its first code was right; `last_step`
-- is that of the last code that was taken, since each is taken once.
create table second_factor (
  who text primary key,
  sealed text not null default '',
  pending text not null default '',
  last_step integer not null default 0
);
