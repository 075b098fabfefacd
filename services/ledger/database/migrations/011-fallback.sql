-- Messages that go out once more by another bearer when no receipt comes: the envelope, encrypted. `state`: 0 waits for its
-- time, 1 went to the router, 2 is over. The row stays as long as its message, so that nothing goes out twice.
create table fallback (
  id text primary key,
  due_at bigint not null,
  state integer not null,
  sealed text not null
);
create index fallback_due on fallback (state, due_at);
