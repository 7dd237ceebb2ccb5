alter table backup
  add column file_count bigint check (file_count >= 0),
  add column reported_at timestamptz,
  add column listed_at timestamptz,
  add column read_back_at timestamptz;
comment on column backup.reported_at is 'When its maker, or a wrapper around it, told of it; null: nobody did, it was found in a list.';
comment on column backup.listed_at is 'When its tool''s own list was seen to hold it for the first time; null: never.';
comment on column backup.read_back_at is 'When its archive was read back from where it lies and its checksums were right; null: never.';
update backup set reported_at = received_at;

-- It has two more arguments from now on.
drop function if exists record_report(varchar, timestamptz, text, text, varchar, text, text, bigint, bigint, text, text, timestamptz);
drop function if exists end_run(varchar, varchar, timestamptz, timestamptz, text, text, bigint, bigint, text, text, text, boolean, timestamptz);
drop function if exists begin_run(varchar, varchar, timestamptz, timestamptz, text, text, boolean, timestamptz);
