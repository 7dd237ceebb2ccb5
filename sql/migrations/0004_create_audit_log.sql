create table alert (
  id bigint generated always as identity primary key,
  fqdn varchar(255) not null,
  scope varchar(64),
  type text not null,
  raised_at timestamptz not null,
  cleared_at timestamptz,
  dismissed_at timestamptz,
  dismissed_by text,
  dismissal_note text
);
comment on table alert is 'A warning that stays open until its cause is gone.';
comment on column alert.scope is 'null: it is about the engine as a whole.';
comment on column alert.dismissed_at is 'An administrator has seen it: it leaves his list, and stays open.';

create unique index alert_open on alert (fqdn, type, (coalesce(scope, ''))) where cleared_at is null;
create index alert_open_by_age on alert (raised_at, id) where cleared_at is null;

create table audit_log (
  id bigint generated always as identity primary key,
  log_time timestamptz not null,
  log_type integer not null,
  log_type_name text not null,
  severity integer not null,
  message text not null,
  fqdn varchar(255),
  scope varchar(64),
  alert_id bigint,
  actor text
);
comment on table audit_log is 'What happened, and who did it. Only the retention job removes a row, and nobody changes one.';
comment on column audit_log.alert_id is 'The alert that this event raised, cleared or dismissed.';
comment on column audit_log.actor is 'Who caused it, where that was a person or his command.';

create index audit_log_by_time on audit_log (log_time);
create index audit_log_of_engine on audit_log (fqdn, id) where fqdn is not null;
