-- What lists are read by, at a million engines and ten million events, page after page. The moment at which an engine goes stale is
-- the earlier of two: each has its own order.
create index engine_by_default_oldest on engine (default_oldest_at, fqdn) where default_oldest_at is not null;
create index engine_by_own_stale on engine (own_stale_at, fqdn) where own_stale_at is not null;
create index engine_by_age on engine (full_backup_at, fqdn);
create index engine_scope_by_scope on engine_scope (scope, fqdn);

-- Names by their parts: pg_trgm is not on every server, and an array's index is. A table of its own, so that a report, which changes the
-- engine's times, need not touch it.
create table engine_name (fqdn varchar(255) primary key references engine on delete cascade);
comment on table engine_name is 'What engine names are searched by; a trigger keeps it.';
insert into engine_name select fqdn from engine;

create index backup_of_engine on backup (fqdn, effective_at, id);

-- Events are read in the order of their time; those of a type and those of an engine, too.
create index audit_log_in_order on audit_log (log_time, id);
create index audit_log_of_type on audit_log (log_type, log_time, id);
create index audit_log_of_engine_in_order on audit_log (fqdn, log_time, id) where fqdn is not null;
drop index audit_log_by_time;
drop index audit_log_of_engine;

create index alert_not_dismissed on alert (raised_at, id) where cleared_at is null and dismissed_at is null;
create index alert_dismissed on alert (raised_at, id) where cleared_at is null and dismissed_at is not null;

-- It gives one column more from now on.
drop function if exists engine_status(varchar[], timestamptz);
