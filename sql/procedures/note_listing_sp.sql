-- Takes note of backups that a tool's own list holds: a batch of at most some thousand, of one importer. What is new, or
-- has another outcome or time than before, is recorded as a report by record_report, unless somebody has reported that run
-- already: then the two are one backup, and it is listed from now on. What lies before all that is known of the scope
-- is history: recorded in one go, without an event each.
--
--   v_host      the host whose daemon reads the list; null: it is read by hand
--   v_items     an array of objects: archive, name, status, done_at, started_at, size_bytes, file_count, tool, message
--
-- Returns how many became reports, how many history, how many were found to be reported. Calling twice is safe.
-- Errors: as record_report; nothing is written.
create or replace function note_listing(
  v_fqdn varchar, v_scope varchar, v_importer varchar, v_kind text, v_host text, v_items jsonb, v_now timestamptz default clock_timestamp(),
  out recorded integer, out history integer, out matched integer
)
language plpgsql security definer
set search_path = backup_awareness, pg_temp set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_engine_fqdn constant varchar := checked_fqdn('v_fqdn', v_fqdn);
  v_policy constant policy_in_force := share_policy();
  v_state engine_scope%rowtype;
  v_item listed_item;
  v_outcome text;
begin
  recorded := 0;
  matched := 0;
  perform check_scope('v_scope', v_scope);
  perform know_engine(v_engine_fqdn, v_policy, v_now, 'importer ' || v_importer);
  insert into importer (fqdn, scope, name, kind, host, ran_at) values (v_engine_fqdn, v_scope, v_importer, v_kind, v_host, v_now)
  on conflict (fqdn, scope, name) do update set kind = v_kind, host = v_host, ran_at = v_now;

  select * into v_state from engine_scope s where s.fqdn = v_engine_fqdn and s.scope = v_scope;
  history := note_history(v_engine_fqdn, v_scope, v_importer, v_items, v_state, v_now);

  for v_item in select i.* from new_items(v_engine_fqdn, v_scope, v_importer, v_items) i order by i.done_at loop
    -- The run may be under way still, and its end will be told.
    if v_item.status <> 'started' and exists (
      select from backup b
      where b.fqdn = v_engine_fqdn and b.scope = v_scope and b.outcome = 'running' and b.reported_at is not null
        and b.started_at <= v_item.done_at + interval '2 minutes' and b.started_at > v_now - v_policy.stalled_after
    ) then
      continue;
    end if;
    v_outcome := match_report(v_engine_fqdn, v_scope, v_item, v_now);
    if v_outcome is null or (v_outcome = 'completed' and v_item.status in ('failed', 'incomplete')) then
      perform record_report(v_scope, v_item.done_at, v_item.status, v_item.message, v_engine_fqdn, null,
                            v_run_id => left(v_importer || ':' || v_item.archive, 200),
                            v_duration_ms => case when v_item.status <> 'started' and v_item.done_at > v_item.started_at
                                             then (extract(epoch from v_item.done_at - v_item.started_at) * 1000)::bigint end,
                            v_size_bytes => v_item.size_bytes, v_archive => coalesce(v_item.name, v_item.archive), v_tool => v_item.tool,
                            v_file_count => v_item.file_count, v_known_by => 'listed', v_now => v_now);
      recorded := recorded + 1;
    else
      matched := matched + 1;
    end if;
    insert into listed_backup as l (fqdn, scope, importer, archive, status, done_at, effective_at, is_reported, is_disputed)
    values (v_engine_fqdn, v_scope, v_importer, v_item.archive, v_item.status, v_item.done_at, least(v_item.done_at, v_now), v_outcome is not null,
            coalesce(v_outcome = 'completed', false) and v_item.status in ('failed', 'incomplete'))
    on conflict (fqdn, scope, importer, archive) do update
    set status = excluded.status, done_at = excluded.done_at, effective_at = excluded.effective_at, is_reported = l.is_reported or excluded.is_reported, is_disputed = excluded.is_disputed;
  end loop;
end
$$;

-- Those of a batch that are new, or have another outcome or time than when the list was read last. Each is looked up by
-- itself: a join would be planned by statistics of when the list was empty.
create or replace function new_items(v_fqdn varchar, v_scope varchar, v_importer varchar, v_items jsonb) returns setof listed_item
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
begin
  return query
  select i.*
  from jsonb_populate_recordset(null::listed_item, v_items) i
  where (
    select l.status = i.status and l.done_at = i.done_at from listed_backup l
    where l.fqdn = v_fqdn and l.scope = v_scope and l.importer = v_importer and l.archive = i.archive
  ) is not true;
end
$$;

-- Records what changes no state, since something later of the same outcome is known, and what no reported run can be:
-- each is a row of the log and of the backups, no event. Returns how many.
create or replace function note_history(v_fqdn varchar, v_scope varchar, v_importer varchar, v_items jsonb, v_state engine_scope, v_now timestamptz)
returns integer
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_first_report timestamptz;
  v_count integer;
begin
  select min(b.done_at) into v_first_report from backup b
  where b.fqdn = v_fqdn and b.scope = v_scope and b.reported_at is not null and b.done_at is not null;
  with item as materialized (
    select i.* from new_items(v_fqdn, v_scope, v_importer, v_items) i
    where (v_first_report is null or i.done_at < v_first_report - interval '7 days')
      and i.done_at < case
        when i.status = 'completed' then v_state.last_success_at
        when i.status in ('failed', 'incomplete') then v_state.last_failure_at
        when i.status = 'unknown' then v_state.last_finish_at
      end
      -- One that was listed before, and differently, is news.
      and (
        select true from listed_backup l where l.fqdn = v_fqdn and l.scope = v_scope and l.importer = v_importer and l.archive = i.archive
      ) is null
  ), noted as (
    insert into listed_backup (fqdn, scope, importer, archive, status, done_at, effective_at, is_reported, is_disputed)
    select v_fqdn, v_scope, v_importer, i.archive, i.status, i.done_at, i.done_at, false, false from item i
    on conflict do nothing
  ), kept as (
    insert into backup (fqdn, scope, outcome, started_at, done_at, effective_at, received_at, run_id, size_bytes, file_count, archive, tool,
                        output_message, listed_at)
    select v_fqdn, v_scope, i.status, null, i.done_at, i.done_at, v_now, left(v_importer || ':' || i.archive, 200), i.size_bytes, i.file_count,
           coalesce(i.name, i.archive), i.tool, i.message, v_now
    from item i
    on conflict do nothing
    returning scope, done_at, outcome, output_message, fqdn
  ), logged as (
    insert into engine_backup_log (scope, done_at, is_passed, output_message, fqdn)
    select k.scope, k.done_at, k.outcome = 'completed', k.output_message, k.fqdn from kept k where k.outcome <> 'unknown'
  )
  select count(*) into v_count from kept;
  return v_count;
end
$$;

-- Finds the reported run that a listed backup is of, and marks it as listed: by its archive's name, or, where the report
-- named none, by its time. Returns what was reported of it; null: nobody has reported it. Clocks may differ by two minutes.
create or replace function match_report(v_fqdn varchar, v_scope varchar, v_item listed_item, v_now timestamptz) returns text
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_slack constant interval := '2 minutes';
  v_begun_at constant timestamptz := least(v_item.started_at, v_item.done_at);
  v_backup_id bigint;
  v_outcome text;
begin
  if v_item.status = 'started' then
    return null;
  end if;
  -- A list that tells no end has the begin in its place: a run may take days.
  select b.id, b.outcome into v_backup_id, v_outcome from backup b
  where b.fqdn = v_fqdn and b.scope = v_scope and b.done_at between v_begun_at - v_slack and v_item.done_at + interval '7 days'
    and b.reported_at is not null and b.outcome in ('completed', 'failed', 'incomplete', 'unknown')
    and case
      when b.archive is null then
        coalesce(b.started_at, b.done_at - b.duration_ms * interval '1 ms', b.done_at) <= v_item.done_at + v_slack
        and b.listed_at is null
      else is_same_archive(b.archive, v_item)
    end
  order by b.archive is null, b.done_at limit 1;
  if v_backup_id is null then
    return null;
  end if;
  update backup b
  set listed_at = coalesce(b.listed_at, v_now), archive = coalesce(b.archive, v_item.name, v_item.archive),
      size_bytes = coalesce(b.size_bytes, v_item.size_bytes), file_count = coalesce(b.file_count, v_item.file_count)
  where b.id = v_backup_id;
  return v_outcome;
end
$$;

-- Whether a report's word for an archive means this one: its number, its name, or the beginning of its hash.
create or replace function is_same_archive(v_reported text, v_item listed_item) returns boolean
language sql immutable as $$
  select v_reported in (v_item.archive, v_item.name) or (v_reported ~ '^[0-9a-f]{8,64}$' and starts_with(v_item.archive, v_reported))
$$;
