-- A started report. v_is_running: nothing known of the scope is later. A start that arrives after the end of its run
-- completes that run's history; one whose end was never told is history too.
create or replace function begin_run(v_fqdn varchar, v_scope varchar, v_done_at timestamptz, v_effective_at timestamptz,
                                     v_run_id text, v_tool text, v_known_by text, v_is_running boolean, v_now timestamptz)
returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_ended_id bigint;
begin
  if v_run_id is not null then
    select b.id into v_ended_id from backup b
    where b.fqdn = v_fqdn and b.scope = v_scope and b.run_id = v_run_id and b.started_at is null
    order by b.id desc limit 1;
  elsif not v_is_running then
    select b.id into v_ended_id from backup b
    where b.fqdn = v_fqdn and b.scope = v_scope and b.done_at >= v_done_at and b.started_at is null and b.run_id is null
    order by b.done_at limit 1;
  end if;
  if v_ended_id is not null then
    update backup set started_at = v_done_at where id = v_ended_id;
    return;
  end if;
  insert into backup (fqdn, scope, outcome, started_at, effective_at, received_at, run_id, tool, reported_at, listed_at)
  values (v_fqdn, v_scope, case when v_is_running then 'running' else 'abandoned' end, v_done_at, v_effective_at, v_now, v_run_id, v_tool,
          case when v_known_by <> 'listed' then v_now end, case when v_known_by = 'listed' then v_now end);
end
$$;

-- The end of a run. It is matched with its start: by the run's id, else the latest start before it that has no id. What
-- it shows to be dead is closed as abandoned: without an id, whatever without one started before it; a completed run,
-- also whatever started no later than itself.
create or replace function end_run(
  v_fqdn varchar, v_scope varchar, v_done_at timestamptz, v_effective_at timestamptz, v_outcome text, v_run_id text,
  v_duration_ms bigint, v_size_bytes bigint, v_file_count bigint, v_archive text, v_tool text, v_known_by text, v_output_message text, v_may_run boolean, v_now timestamptz
) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_own_id bigint;
  v_own_start timestamptz;
begin
  if v_run_id is not null then
    select b.id, b.effective_at into v_own_id, v_own_start from backup b
    where b.fqdn = v_fqdn and b.scope = v_scope and b.run_id = v_run_id and b.outcome in ('running', 'abandoned')
    order by b.id desc limit 1;
  elsif v_may_run then
    select b.id, b.effective_at into v_own_id, v_own_start from backup b
    where b.fqdn = v_fqdn and b.scope = v_scope and b.outcome = 'running' and b.run_id is null and b.effective_at <= v_effective_at
    order by b.effective_at desc, b.id desc limit 1;
  end if;

  if v_own_id is not null then
    update backup b
    set outcome = v_outcome, done_at = v_done_at, effective_at = v_effective_at, received_at = v_now,
        duration_ms = coalesce(v_duration_ms, case when v_done_at >= b.started_at then extract(epoch from v_done_at - b.started_at) * 1000 end),
        size_bytes = v_size_bytes, file_count = v_file_count, archive = v_archive, tool = coalesce(v_tool, b.tool), output_message = v_output_message,
        reported_at = coalesce(b.reported_at, case when v_known_by <> 'listed' then v_now end),
        listed_at = coalesce(b.listed_at, case when v_known_by = 'listed' then v_now end),
        read_back_at = case when v_known_by = 'read_back' then v_now end
    where b.id = v_own_id;
  else
    insert into backup (fqdn, scope, outcome, done_at, effective_at, received_at, run_id, duration_ms, size_bytes, file_count, archive, tool, output_message,
                        reported_at, listed_at, read_back_at)
    values (v_fqdn, v_scope, v_outcome, v_done_at, v_effective_at, v_now, v_run_id, v_duration_ms, v_size_bytes, v_file_count, v_archive, v_tool, v_output_message,
            case when v_known_by <> 'listed' then v_now end, case when v_known_by = 'listed' then v_now end, case when v_known_by = 'read_back' then v_now end);
  end if;

  if v_may_run then
    update backup b
    set outcome = 'abandoned'
    where b.fqdn = v_fqdn and b.scope = v_scope and b.outcome = 'running'
      and ((v_run_id is null and b.run_id is null and b.effective_at <= v_effective_at)
           or (v_outcome = 'completed' and b.effective_at <= v_own_start));
  end if;
end
$$;
