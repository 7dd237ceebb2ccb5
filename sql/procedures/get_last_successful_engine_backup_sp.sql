-- The newest successful backup of a scope, of one engine or of any, by effective time: a report dated into the future
-- does not hide those that follow it. No row: there is none.
create or replace function GetLastSuccessfulEngineBackup(v_scope varchar(64), v_fqdn varchar(255)) returns setof engine_backup_log
language sql stable security definer set search_path = backup_awareness, pg_temp set jit = off as $$
  select l.*
  from engine_scope s
  join engine_backup_log l on l.fqdn = s.fqdn and l.scope = s.scope and l.done_at = s.last_success_done_at and l.is_passed
  where s.scope = v_scope and s.fqdn = lower(coalesce(nullif(v_fqdn, ''), (select own_fqdn from installation)))
  limit 1
$$;

create or replace function GetLastSuccessfulEngineBackup(v_scope varchar(64)) returns setof engine_backup_log
language sql stable security definer set search_path = backup_awareness, pg_temp set jit = off as $$
  select l.*
  from (
    select * from engine_scope where scope = v_scope and last_success_at is not null order by last_success_at desc limit 1
  ) s
  join engine_backup_log l on l.fqdn = s.fqdn and l.scope = s.scope and l.done_at = s.last_success_done_at and l.is_passed
  limit 1
$$;
