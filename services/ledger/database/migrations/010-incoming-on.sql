-- Messages from handsets on their way to whoever gets them. `open`: 1 is new, 2 a part that waits for the others, 0 is done.
-- Parts of one long message share `parts_key`; `mark` stands for the text, so that a repeated part is known.
alter table incoming add column open integer not null default 0;
alter table incoming add column parts_key text not null default '';
alter table incoming add column mark text not null default '';
create index incoming_open on incoming (open, id);
create index incoming_parts_key on incoming (parts_key);
