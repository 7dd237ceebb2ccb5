create table engine (
  fqdn varchar(255) primary key,
  added_at timestamptz not null,
  has_own_scopes boolean not null default false,
  full_backup_at timestamptz,
  default_oldest_at timestamptz,
  own_stale_at timestamptz,
  noted_state text not null default 'new'
    check (noted_state in ('new', 'disabled', 'no_full_backup', 'stale', 'fresh')),
  since_at timestamptz not null
) with (fillfactor = 80);
comment on table engine is 'A protected application and the times that decide its state; the state itself is worked out at the moment of reading.';
comment on column engine.has_own_scopes is 'Its required scopes are those of engine_required_scope, not those of the option BackupFullScopes.';
comment on column engine.full_backup_at is 'The oldest of the last successes of its required scopes; null: one of them has none.';
comment on column engine.default_oldest_at is 'The same, of only those required scopes that follow the option BackupAlertPeriodInDays; null: there is none, or no full backup.';
comment on column engine.own_stale_at is 'The last moment at which all required scopes that have a period of their own are fresh; null: there is none, or no full backup.';
comment on column engine.noted_state is 'The state for which alerts were raised or cleared last.';
comment on column engine.since_at is 'Since when it is known to have no full backup, or to be fresh.';

-- What a check looks for. Each holds only engines that time, or a changed option, can turn, in the order in which it will.
create index engine_turns_stale_by_default on engine (default_oldest_at) where noted_state = 'fresh';
create index engine_turns_stale_by_own_period on engine (own_stale_at) where noted_state = 'fresh';
create index engine_turns_fresh_by_default on engine (default_oldest_at) where noted_state = 'stale' and own_stale_at is null;
create index engine_turns_fresh_by_own_period on engine (own_stale_at) where noted_state = 'stale' and own_stale_at is not null;
create index engine_unsettled on engine (fqdn)
  where noted_state in ('new', 'disabled') or (full_backup_at is null) <> (noted_state = 'no_full_backup');
create index engine_with_warning on engine (fqdn) where noted_state in ('no_full_backup', 'stale');

create table engine_required_scope (
  fqdn varchar(255) not null references engine on delete cascade,
  scope varchar(64) not null,
  alert_period_days integer check (alert_period_days between 1 and 3650),
  primary key (fqdn, scope)
);
comment on table engine_required_scope is 'What a full backup of this engine must cover, where that differs from the option BackupFullScopes.';
comment on column engine_required_scope.alert_period_days is 'null: the option BackupAlertPeriodInDays.';

create table engine_scope (
  fqdn varchar(255) not null references engine on delete cascade,
  scope varchar(64) not null,
  last_success_at timestamptz,
  last_success_done_at timestamptz,
  last_failure_at timestamptz,
  last_failure_done_at timestamptz,
  last_finish_at timestamptz,
  running_since timestamptz,
  stalled boolean not null default false,
  primary key (fqdn, scope)
) with (fillfactor = 80);
comment on table engine_scope is 'The state of one scope of one engine. Times that end in _at are effective: the report''s own time or the moment of its receipt, whichever is earlier.';
comment on column engine_scope.last_success_done_at is 'That report''s own time: its row in engine_backup_log.';
comment on column engine_scope.last_failure_done_at is 'That report''s own time: its row in engine_backup_log.';
comment on column engine_scope.last_finish_at is 'The latest end of a run, whatever its outcome; a start before it changes only history.';
comment on column engine_scope.running_since is 'Start of the oldest run that has not ended.';

create index engine_scope_newest_success on engine_scope (scope, last_success_at desc) where last_success_at is not null;
create index engine_scope_turns_stalled on engine_scope (running_since) where running_since is not null and not stalled;
create index engine_scope_stalled on engine_scope (fqdn) where stalled;
