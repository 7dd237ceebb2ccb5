create table importer (
  fqdn varchar(255) not null references engine on delete cascade,
  scope varchar(64) not null,
  name varchar(64) not null,
  kind text not null,
  host text,
  ran_at timestamptz not null,
  succeeded_at timestamptz,
  fault text,
  failing_since timestamptz,
  newest_archive text,
  newest_at timestamptz,
  stands_still boolean not null default false,
  gone_archive text,
  gone_at timestamptz,
  disputed_archive text,
  not_listed_backup_id bigint,
  unreported_archive text,
  primary key (fqdn, scope, name)
);
comment on table importer is 'What one tool''s own list said when it was read last, and in what it disagrees with what was reported.';
comment on column importer.host is 'The host whose daemon reads it by its config.toml; null: it is read by hand.';
comment on column importer.fault is 'Why it could not be read, or be believed, the last time; null: it was read.';
comment on column importer.newest_at is 'When the newest backup that it lists ended: one that completed, or whose outcome the list does not tell.';
comment on column importer.stands_still is 'Its newest backup is older than the alert period of its scope.';
comment on column importer.gone_archive is 'Was its newest, is listed no longer, and nothing newer has come.';
comment on column importer.disputed_archive is 'Was reported as completed, and is listed as failed or incomplete.';
comment on column importer.not_listed_backup_id is 'The newest backup that was reported as completed, where it is not listed.';
comment on column importer.unreported_archive is 'Its newest, where nobody has reported it although backups of the scope are reported.';

create table listed_backup (
  fqdn varchar(255) not null,
  scope varchar(64) not null,
  importer varchar(64) not null,
  archive text not null,
  status text not null,
  done_at timestamptz not null,
  effective_at timestamptz not null,
  is_reported boolean not null,
  is_disputed boolean not null,
  primary key (fqdn, scope, importer, archive),
  foreign key (fqdn, scope, importer) references importer (fqdn, scope, name) on delete cascade
);
comment on table listed_backup is 'The backups that a tool''s own list holds now.';
comment on column listed_backup.effective_at is 'done_at, or when it was seen first, whichever is earlier.';
comment on column listed_backup.is_reported is 'Somebody told of it beside the list.';
comment on column listed_backup.is_disputed is 'It was reported as completed, and is listed as failed or incomplete.';

create index backup_reported on backup (fqdn, scope, done_at) where reported_at is not null and done_at is not null;
create index listed_backup_newest on listed_backup (fqdn, scope, importer, effective_at desc) where status in ('completed', 'unknown');

create type listed_item as (
  archive text,
  name text,
  status text,
  done_at timestamptz,
  started_at timestamptz,
  size_bytes bigint,
  file_count bigint,
  tool text,
  message text
);
comment on type listed_item is 'A backup as a tool''s own list has it. started_at: null where the list does not tell it.';
