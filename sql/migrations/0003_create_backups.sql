create table engine_backup_log (
  scope varchar(64) not null,
  done_at timestamptz not null,
  is_passed boolean not null,
  output_message text,
  fqdn varchar(255) not null,
  log_path text
);
comment on table engine_backup_log is 'Every completed or failed report, as it was given. Public: its columns never change. Written by LogEngineBackupEvent and its kin alone.';

create table backup (
  id bigint generated always as identity primary key,
  fqdn varchar(255) not null,
  scope varchar(64) not null,
  outcome text not null check (outcome in ('running', 'completed', 'failed', 'incomplete', 'unknown', 'abandoned')),
  started_at timestamptz,
  done_at timestamptz,
  effective_at timestamptz not null,
  received_at timestamptz not null,
  run_id text,
  duration_ms bigint check (duration_ms >= 0),
  size_bytes bigint check (size_bytes >= 0),
  archive text,
  tool text,
  output_message text
);
comment on table backup is 'One run of one scope, from its started report to its completed or failed one, with what is known of it beside engine_backup_log.';
comment on column backup.outcome is 'abandoned: its end was never reported, and a later run of the scope ended.';
comment on column backup.started_at is 'As the started report gave it; null: no start was reported.';
comment on column backup.effective_at is 'Of the start while it runs, of the end afterwards.';
comment on column backup.output_message is 'Only where engine_backup_log has no row of it.';

-- The same report twice is recorded once: these two indexes say what the same is. An end is found under its engine,
-- so that the cost of a report does not depend on how many others there are.
create unique index backup_end on backup (fqdn, scope, done_at, outcome) where done_at is not null;
create unique index backup_start on backup (fqdn, scope, started_at) where started_at is not null;
create index backup_running on backup (fqdn, scope) where outcome = 'running';
create index backup_run_id on backup (fqdn, scope, run_id) where run_id is not null;

create index engine_backup_log_of_engine on engine_backup_log (fqdn, scope, done_at);
