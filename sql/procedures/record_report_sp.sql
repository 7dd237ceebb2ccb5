-- The one way in: records one message of a backup tool, with all that can be known of it, and lets the engine's state
-- and alerts follow, in one transaction. Every other way (LogEngineBackupEvent, the API, the command line, importers)
-- ends here.
--
--   v_status    started, completed, failed, incomplete (a part is missing) or unknown
--   v_done_at   when that was, by the reporter's clock; recorded as given. What decides is the effective time: that or
--               the moment of receipt, whichever is earlier. A report older than what is known changes history, never
--               the state.
--   v_fqdn      empty or null: this database's own engine
--   v_run_id    pairs a start with its end; without it an end closes what started before it
--   v_known_by  reported (by its maker or a wrapper), listed (its tool's own list holds it; nobody reported it), or read_back
--               (reported, and its archive was read back and is whole)
--   v_now       the moment of receipt
--
-- Returns whether it was new: the same report twice (fqdn, scope, done_at, status) is recorded once and is no error.
-- Errors: SQLSTATE 22023 names the argument and its value; nothing is written.
--
-- Every statement on its way finds its rows by an index: plans that were made when a table was small must not meet it
-- when it is large, hence the settings.
create or replace function record_report(
  v_scope varchar, v_done_at timestamptz, v_status text, v_output_message text, v_fqdn varchar, v_log_path text,
  v_run_id text default null, v_duration_ms bigint default null, v_size_bytes bigint default null,
  v_archive text default null, v_tool text default null, v_file_count bigint default null, v_known_by text default 'reported',
  v_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql security definer
set search_path = backup_awareness, pg_temp set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_engine_fqdn varchar;
  v_effective_at timestamptz;
  v_former engine_scope%rowtype;
  v_is_success constant boolean := coalesce(v_status = 'completed', false);
  v_policy policy_in_force;
begin
  perform check_scope('v_scope', v_scope);
  if v_done_at is null or not isfinite(v_done_at) then
    perform refuse_argument('v_done_at', v_done_at::text, 'is not a moment');
  end if;
  if v_status is null or v_status not in ('started', 'completed', 'failed', 'incomplete', 'unknown') then
    perform refuse_argument('v_status', v_status, 'is none of started, completed, failed, incomplete, unknown');
  end if;
  if v_duration_ms < 0 then
    perform refuse_argument('v_duration_ms', v_duration_ms::text, 'is negative');
  end if;
  if v_size_bytes < 0 then
    perform refuse_argument('v_size_bytes', v_size_bytes::text, 'is negative');
  end if;
  if v_file_count < 0 then
    perform refuse_argument('v_file_count', v_file_count::text, 'is negative');
  end if;
  if v_known_by is null or v_known_by not in ('reported', 'listed', 'read_back') then
    perform refuse_argument('v_known_by', v_known_by, 'is none of reported, listed, read_back');
  end if;
  if char_length(v_run_id) > 200 then
    perform refuse_argument('v_run_id', v_run_id, format('has %s characters; at most 200 are allowed', char_length(v_run_id)));
  end if;
  if v_fqdn is null or v_fqdn = '' then
    select own_fqdn into v_engine_fqdn from installation;
    if v_engine_fqdn is null then
      perform refuse_argument('v_fqdn', v_fqdn, 'names no engine, and this database has none of its own');
    end if;
  else
    v_engine_fqdn := checked_fqdn('v_fqdn', v_fqdn);
  end if;
  v_effective_at := least(v_done_at, v_now);

  v_policy := share_policy();
  if not is_engine_locked(v_engine_fqdn) then
    -- A replay must not bring back an engine that was removed.
    if is_recorded(v_engine_fqdn, v_scope, v_done_at, v_status) then
      return false;
    end if;
    perform know_engine(v_engine_fqdn, v_policy, v_now, 'first report, of scope ' || v_scope);
  end if;
  if is_recorded(v_engine_fqdn, v_scope, v_done_at, v_status) then
    return false;
  end if;

  select * into v_former from engine_scope s where s.fqdn = v_engine_fqdn and s.scope = v_scope;
  if not found then
    insert into engine_scope (fqdn, scope) values (v_engine_fqdn, v_scope) returning * into v_former;
    update engine set added_at = added_at where fqdn = v_engine_fqdn; -- see is_engine_locked
  end if;

  if v_status = 'started' then
    perform begin_run(v_engine_fqdn, v_scope, v_done_at, v_effective_at, v_run_id, v_tool, v_known_by,
                      v_former.last_finish_at is null or v_effective_at > v_former.last_finish_at, v_now);
  else
    perform end_run(v_engine_fqdn, v_scope, v_done_at, v_effective_at, v_status, v_run_id, v_duration_ms, v_size_bytes,
                    v_file_count, v_archive, v_tool, v_known_by, case when v_status = 'unknown' then v_output_message end,
                    v_former.running_since is not null, v_now);
    if v_status <> 'unknown' then
      insert into engine_backup_log (scope, done_at, is_passed, output_message, fqdn, log_path)
      values (v_scope, v_done_at, v_is_success, v_output_message, v_engine_fqdn, v_log_path);
    end if;
  end if;

  update engine_scope s
  set running_since = case when v_status = 'started' or s.running_since is not null then (
        select min(b.effective_at) from backup b
        where b.fqdn = v_engine_fqdn and b.scope = v_scope and b.outcome = 'running'
      ) end,
      last_finish_at = case when v_status = 'started' then s.last_finish_at else greatest(s.last_finish_at, v_effective_at) end,
      last_success_at = case when v_is_success then greatest(s.last_success_at, v_effective_at) else s.last_success_at end,
      last_success_done_at = case
        when v_is_success and (s.last_success_at is null or v_effective_at > s.last_success_at) then v_done_at
        else s.last_success_done_at
      end,
      last_failure_at = case when v_status in ('failed', 'incomplete') then greatest(s.last_failure_at, v_effective_at) else s.last_failure_at end,
      last_failure_done_at = case
        when v_status in ('failed', 'incomplete') and (s.last_failure_at is null or v_effective_at > s.last_failure_at) then v_done_at
        else s.last_failure_done_at
      end
  where s.fqdn = v_engine_fqdn and s.scope = v_scope;

  perform log_event(
    case v_status
      when 'started' then 'ENGINE_BACKUP_STARTED'
      when 'completed' then 'ENGINE_BACKUP_COMPLETED'
      when 'failed' then 'ENGINE_BACKUP_FAILED'
      when 'incomplete' then 'ENGINE_BACKUP_INCOMPLETE'
      when 'unknown' then 'ENGINE_BACKUP_OUTCOME_UNKNOWN'
    end,
    report_message(v_scope, v_engine_fqdn, v_status, v_done_at, v_output_message, v_log_path), v_now, v_engine_fqdn, v_scope);

  if v_is_success and (v_former.last_success_at is null or v_effective_at > v_former.last_success_at) then
    perform measure_engines(array[v_engine_fqdn], v_policy);
  end if;
  perform settle(array[v_engine_fqdn], v_policy, v_now);
  return true;
end
$$;

-- What the audit log says of a report. The whole of the tool's output stands in engine_backup_log.
create or replace function report_message(v_scope varchar, v_fqdn varchar, v_status text, v_done_at timestamptz,
                                          v_output_message text, v_log_path text)
returns text
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
begin
  return format('Backup of scope %s of engine %s %s at %s%s%s', v_scope, v_fqdn,
                case v_status
                  when 'incomplete' then 'ended incomplete'
                  when 'unknown' then 'ended, its outcome unknown,'
                  else v_status
                end,
                told_time(v_done_at),
                case when v_output_message <> '' then ': ' || shortened(v_output_message, 2000) else '.' end,
                case when v_log_path <> '' then ' (log: ' || shortened(v_log_path, 1000) || ')' else '' end);
end
$$;

-- Locks an engine's row, and says whether there is one. What a report writes is seen by whoever locks the engine after it;
-- a transaction that cannot see it fails with SQLSTATE 40001: every report changes a row of engine_scope, and one that
-- adds such a row changes that of engine.
create or replace function is_engine_locked(v_fqdn varchar) returns boolean
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  perform from engine where fqdn = v_fqdn for no key update;
  if found and has_lasting_snapshot() then
    perform from engine_scope where fqdn = v_fqdn for no key update;
    return true;
  end if;
  return found;
end
$$;

-- The engine's row exists and is locked after this. One that was not known is added, and its warning raised. Returns
-- whether that was so.
create or replace function know_engine(v_fqdn varchar, v_policy policy_in_force, v_now timestamptz, v_cause text, v_actor text default null) returns boolean
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  loop
    if is_engine_locked(v_fqdn) then
      return false;
    end if;
    insert into engine (fqdn, added_at, since_at) values (v_fqdn, v_now, v_now) on conflict do nothing;
    exit when found; -- else somebody has added it in this moment, and may have removed it again
  end loop;
  perform log_event('ENGINE_ADDED', format('Engine %s is known from now on (%s).', v_fqdn, v_cause), v_now, v_fqdn, null, null, v_actor);
  perform settle(array[v_fqdn], v_policy, v_now);
  return true;
end
$$;

-- Whether the same report (fqdn, scope, done_at, status) has been recorded.
create or replace function is_recorded(v_fqdn varchar, v_scope varchar, v_done_at timestamptz, v_status text) returns boolean
language plpgsql set search_path = backup_awareness, pg_temp as $$ -- volatile: it must see what was committed since the calling statement began
begin
  if v_status = 'started' then
    return exists (select from backup b where b.fqdn = v_fqdn and b.scope = v_scope and b.started_at = v_done_at);
  end if;
  return exists (select from backup b where b.fqdn = v_fqdn and b.scope = v_scope and b.done_at = v_done_at and b.outcome = v_status);
end
$$;
