-- Whole numbers and the last digits of one are found at once (answers/search.ts), however many messages there are.
create index message_number_end on message (substr(number, length(number) - 3), id);
