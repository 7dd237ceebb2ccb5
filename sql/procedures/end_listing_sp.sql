-- Ends the reading of a tool's list, all of whose backups note_listing has taken note of: forgets those that are listed
-- no longer, works out in what list and reports disagree, and raises and clears what follows.
--
--   v_read_at   when the list was asked for
--   v_gone      archives that were listed and are no longer
--   v_history   how many older backups were found, for the event that says so
--   v_fault     what is wrong with the repository, or why it could not be read; null: nothing. Where it could not be read,
--               v_is_read is false, and nothing of what is known of it changes.
create or replace function end_listing(
  v_fqdn varchar, v_scope varchar, v_importer varchar, v_kind text, v_host text, v_read_at timestamptz, v_is_read boolean, v_gone text[],
  v_history integer, v_fault text, v_now timestamptz default clock_timestamp()
) returns void
language plpgsql security definer
set search_path = backup_awareness, pg_temp set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_engine_fqdn constant varchar := checked_fqdn('v_fqdn', v_fqdn);
  v_policy constant policy_in_force := share_policy();
begin
  perform check_scope('v_scope', v_scope);
  perform know_engine(v_engine_fqdn, v_policy, v_now, 'importer ' || v_importer);
  insert into importer as i (fqdn, scope, name, kind, host, ran_at) values (v_engine_fqdn, v_scope, v_importer, v_kind, v_host, v_now)
  on conflict (fqdn, scope, name) do nothing;
  if v_is_read then
    perform forget_gone(v_engine_fqdn, v_scope, v_importer, v_gone, v_now);
    perform compare_with_reports(v_engine_fqdn, v_scope, v_importer, v_kind, v_read_at);
  end if;
  update importer i
  set kind = v_kind, host = v_host, ran_at = v_now, fault = shortened(v_fault, 2000),
      succeeded_at = case when v_is_read then v_now else i.succeeded_at end,
      failing_since = case when v_fault is not null then coalesce(i.failing_since, v_now) end,
      stands_still = case when v_is_read then coalesce(i.newest_at < v_now - scope_period(v_engine_fqdn, v_scope, v_policy), true) else i.stands_still end
  where i.fqdn = v_engine_fqdn and i.scope = v_scope and i.name = v_importer;
  if v_history > 0 then
    perform log_event('BACKUPS_LISTED', format('%s earlier backups of scope %s of engine %s were found by the importer %s.', v_history, v_scope,
                                               v_engine_fqdn, v_importer), v_now, v_engine_fqdn, v_scope);
  end if;
  perform settle(array[v_engine_fqdn], v_policy, v_now);
end
$$;

-- What is listed no longer is forgotten. That retention removes old backups is no news; that the newest one is gone, and
-- nothing newer has come, is.
create or replace function forget_gone(v_fqdn varchar, v_scope varchar, v_importer varchar, v_gone text[], v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_lost record;
begin
  with gone as (
    delete from listed_backup l where l.fqdn = v_fqdn and l.scope = v_scope and l.importer = v_importer and l.archive = any (v_gone)
    returning l.archive, l.effective_at, l.status
  )
  select g.archive, g.effective_at as done_at into v_lost from gone g where g.status in ('completed', 'unknown') order by g.effective_at desc limit 1;
  update importer i
  set newest_archive = n.archive, newest_at = n.done_at,
      gone_archive = case when g.done_at > coalesce(n.done_at, '-infinity') then g.archive end,
      gone_at = case when g.done_at > coalesce(n.done_at, '-infinity') then g.done_at end
  from (select 1) one
  left join lateral (
    select l.archive, l.effective_at as done_at from listed_backup l
    where l.fqdn = v_fqdn and l.scope = v_scope and l.importer = v_importer and l.status in ('completed', 'unknown')
    order by l.effective_at desc limit 1
  ) n on true
  left join lateral (
    select w.archive, w.done_at
    from (values (v_lost.archive, v_lost.done_at)) w(archive, done_at) where w.done_at is not null
    union all
    select k.gone_archive, k.gone_at from importer k
    where k.fqdn = v_fqdn and k.scope = v_scope and k.name = v_importer and k.gone_at is not null
    order by done_at desc limit 1
  ) g on true
  where i.fqdn = v_fqdn and i.scope = v_scope and i.name = v_importer;
end
$$;

-- In what the list and the reports of that scope disagree. Reports that another known tool made are none of this list's.
-- What was reported in the last minutes before the list was read may be missing in it, and a report of the newest backup
-- may still be on its way.
create or replace function compare_with_reports(v_fqdn varchar, v_scope varchar, v_importer varchar, v_kind text, v_read_at timestamptz)
returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_newest_report record;
  v_newest_listed record;
  v_disputed text;
begin
  select b.id, b.done_at, b.listed_at into v_newest_report from backup b
  where b.fqdn = v_fqdn and b.scope = v_scope and b.outcome = 'completed' and b.reported_at is not null
    and b.done_at < v_read_at - interval '5 minutes' and is_tool_of_kind(b.tool, v_kind)
  order by b.done_at desc limit 1;
  select l.archive, l.effective_at as done_at, l.is_reported into v_newest_listed from listed_backup l
  where l.fqdn = v_fqdn and l.scope = v_scope and l.importer = v_importer and l.status in ('completed', 'unknown')
  order by l.effective_at desc limit 1;
  select l.archive into v_disputed from listed_backup l
  where l.fqdn = v_fqdn and l.scope = v_scope and l.importer = v_importer and l.is_disputed
    and l.done_at > coalesce(v_newest_listed.done_at, '-infinity')
  order by l.done_at desc limit 1;
  update importer i
  set disputed_archive = v_disputed,
      not_listed_backup_id = case when v_newest_report.id is not null and v_newest_report.listed_at is null then v_newest_report.id end,
      unreported_archive = case
        when not v_newest_listed.is_reported and v_newest_listed.done_at between v_newest_report.done_at + interval '1 hour' and v_newest_report.done_at + interval '30 days'
          and v_newest_listed.done_at < v_read_at - interval '1 hour'
        then v_newest_listed.archive
      end
  where i.fqdn = v_fqdn and i.scope = v_scope and i.name = v_importer;
end
$$;

-- Whether a report that this tool is said to have made may be of a backup in a list of that kind: another tool whose list
-- is known made backups of its own; of a script nobody knows.
create or replace function is_tool_of_kind(v_tool text, v_kind text) returns boolean
language sql immutable as $$
  select case split_part(coalesce(v_tool, ''), ' ', 1)
    when 'restic' then v_kind = 'restic'
    when 'borg' then v_kind = 'borg'
    when 'borgmatic' then v_kind = 'borg'
    when 'pgbackrest' then v_kind = 'pgbackrest'
    when 'barman' then v_kind = 'barman'
    when 'barman-cloud-backup' then v_kind = 'barman-cloud'
    when 'wal-g' then v_kind = 'wal-g'
    when 'pg_dump' then v_kind = 'dumps'
    when 'pg_dumpall' then v_kind = 'dumps'
    when 'engine-backup' then false
    else v_kind not in ('archiver', 'wal-verify', 'backup-history')
  end
$$;

-- How old a scope's last success may be.
create or replace function scope_period(v_fqdn varchar, v_scope varchar, v_policy policy_in_force) returns interval
language sql stable set search_path = backup_awareness, pg_temp as $$
  select coalesce((select make_interval(hours => 24 * r.alert_period_days) from engine_required_scope r where r.fqdn = v_fqdn and r.scope = v_scope),
                  v_policy.alert_period)
$$;

-- Forgets the importers of a host that its config.toml names no longer (v_kept: engine, scope and name of those that it does,
-- as one text with blanks between them), or, without v_host, one that is read by hand or not any more. What they found
-- stays. Returns how many.
create or replace function remove_importers(v_host text, v_kept text[], v_name varchar, v_actor text, v_now timestamptz default clock_timestamp())
returns integer
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_policy constant policy_in_force := share_policy();
  v_removed record;
  v_count integer := 0;
begin
  for v_removed in
    select i.fqdn, i.scope, i.name from importer i
    where case when v_host is null then i.name = v_name
               else i.host = v_host and concat_ws(' ', i.fqdn, i.scope, i.name) <> all (v_kept) end
    order by i.fqdn, i.scope, i.name
  loop
    perform lock_engine(v_removed.fqdn);
    delete from importer i where i.fqdn = v_removed.fqdn and i.scope = v_removed.scope and i.name = v_removed.name;
    perform log_event('IMPORTER_REMOVED', format('%s removed the importer %s of scope %s of engine %s.', v_actor, v_removed.name, v_removed.scope, v_removed.fqdn),
                      v_now, v_removed.fqdn, v_removed.scope, v_actor => v_actor);
    perform settle(array[v_removed.fqdn], v_policy, v_now);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
