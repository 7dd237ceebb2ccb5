create table installation (
  singleton boolean primary key default true check (singleton),
  own_fqdn varchar(255),
  installed_at timestamptz not null,
  program_version text not null,
  procedures_checksum text not null,
  checked_at timestamptz,
  check_duration_ms double precision,
  check_skipped_engines integer not null default 0
);
comment on table installation is 'One row: what was installed here, and when the last check ran.';
comment on column installation.own_fqdn is 'The engine that a report without an FQDN is about.';
comment on column installation.procedures_checksum is 'SHA-256 of sql/procedures as it was applied.';
comment on column installation.check_skipped_engines is 'Engines that the last check left out, since a report about them had not been committed.';

create table event_type (
  code integer primary key,
  name text not null unique,
  severity integer not null
);
comment on table event_type is 'Copied from src/contract/event.ts whenever the database is migrated.';

create table option (
  name text primary key,
  type text not null check (type in ('integer', 'scopes', 'patterns')),
  minimum integer,
  maximum integer,
  special integer[] not null default '{}',
  default_value jsonb not null,
  help text not null,
  value jsonb,
  changed_at timestamptz,
  changed_by text
);
comment on table option is 'Name, type, range, default and help are copied from src/contract/option.ts whenever the database is migrated.';
comment on column option.value is 'null: the default.';

create type policy_in_force as (
  is_enabled boolean,
  check_period interval,
  alert_period interval,
  full_scopes text[],
  stalled_after interval,
  disabled_since timestamptz
);
comment on type policy_in_force is 'The options that decide states, in usable types.';
comment on column policy_in_force.alert_period is 'Of scopes that have no period of their own.';
comment on column policy_in_force.disabled_since is 'null: the feature is enabled.';
