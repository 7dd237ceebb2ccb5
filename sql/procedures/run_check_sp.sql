-- The check: finds what time has turned, raises and clears. Costs what has changed, not what exists. Engines that a
-- report still open in another transaction holds are left out: it settles them itself when it commits; in case it does
-- not, the next check is soon. Returns the alerts that were raised and cleared.
create or replace function run_check(v_now timestamptz default clock_timestamp(), out raised bigint[], out cleared bigint[])
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_begun_at constant timestamptz := clock_timestamp();
  v_policy constant policy_in_force := share_policy();
  v_skipped integer;
begin
  select d.raised, d.cleared, d.skipped into raised, cleared, v_skipped from settle_due(v_policy, v_now) d;
  update installation
  set checked_at = v_now,
      check_duration_ms = extract(epoch from clock_timestamp() - v_begun_at) * 1000,
      check_skipped_engines = v_skipped;
  perform queue_check(v_policy, v_now, case when v_skipped > 0 then '30 seconds' else v_policy.check_period end);
end
$$;

-- Settles every engine that time or a changed option has turned; skipped: how many of them were locked. The caller has
-- locked the options.
create or replace function settle_due(v_policy policy_in_force, v_now timestamptz, out raised bigint[], out cleared bigint[], out skipped integer)
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_due constant varchar[] := array(select due_engines(v_policy, v_now));
  v_locked varchar[];
begin
  raised := '{}';
  cleared := '{}';
  skipped := 0;
  if v_due = '{}' then
    return;
  end if;
  v_locked := array(select e.fqdn from engine e where e.fqdn = any (v_due) order by e.fqdn for no key update skip locked);
  skipped := cardinality(v_due) - cardinality(v_locked);
  select s.raised, s.cleared into raised, cleared from settle(v_locked, v_policy, v_now) s;
end
$$;

-- The engines whose state, or one of whose runs, is no longer what was noted. Every branch is a range of an index that
-- holds them in the order in which they turn; the planner may not think otherwise, whatever its statistics say.
create or replace function due_engines(v_policy policy_in_force, v_now timestamptz) returns setof varchar
language plpgsql stable set search_path = backup_awareness, pg_temp set enable_seqscan = off as $$
begin
  if not v_policy.is_enabled then
    return query
    select fqdn from engine where noted_state in ('no_full_backup', 'stale')
    union
    select fqdn from engine_scope where stalled
    union
    select fqdn from alert where cleared_at is null and type = any (import_alert_types());
    return;
  end if;
  return query
  select fqdn from engine where noted_state = 'fresh' and default_oldest_at < v_now - v_policy.alert_period
  union
  select fqdn from engine where noted_state = 'fresh' and own_stale_at < v_now
  union
  select fqdn from engine
  where noted_state = 'stale' and own_stale_at is null and default_oldest_at >= v_now - v_policy.alert_period
  union
  select fqdn from engine
  where noted_state = 'stale' and own_stale_at is not null and own_stale_at >= v_now
    and (default_oldest_at is null or default_oldest_at >= v_now - v_policy.alert_period)
  union
  select fqdn from engine
  where noted_state in ('new', 'disabled') or (full_backup_at is null) <> (noted_state = 'no_full_backup')
  union
  select fqdn from engine_scope where running_since is not null and not stalled and running_since < v_now - v_policy.stalled_after
  union
  select fqdn from engine_scope where stalled and (running_since is null or running_since >= v_now - v_policy.stalled_after);
end
$$;

-- Puts the next check into the job queue, v_delay after v_now; none while the feature is disabled.
create or replace function queue_check(v_policy policy_in_force, v_now timestamptz, v_delay interval) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  if v_policy.is_enabled then
    perform graphile_worker.add_job('check', run_at => v_now + v_delay, job_key => 'check', max_attempts => 1000);
  else
    perform graphile_worker.remove_job('check');
  end if;
end
$$;
