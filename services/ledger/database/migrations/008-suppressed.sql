-- Numbers that asked a client to stop. `mark` stands for the number (shared/doors/suppressed.ts) with a key that is not
-- in the database, `sealed` is the number, encrypted. Each change has the next `seq`: doors ask for what is behind theirs.
create table suppressed (
  client text not null,
  mark bigint not null,
  sealed text not null,
  active integer not null,
  source text not null,
  at bigint not null,
  seq bigint not null,
  primary key (client, mark)
);
create unique index suppressed_seq on suppressed (seq);
