-- Says which engine a report without an FQDN is about, and makes it known. Returns whether that is new.
create or replace function set_own_engine(v_fqdn varchar, v_now timestamptz default clock_timestamp()) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_own_fqdn constant varchar := checked_fqdn('v_fqdn', v_fqdn);
begin
  perform know_engine(v_own_fqdn, share_policy(), v_now, 'this database''s own engine');
  update installation set own_fqdn = v_own_fqdn where own_fqdn is distinct from v_own_fqdn;
  return found;
end
$$;

-- Makes an engine known that has never reported; it has no full backup from then on. Returns false where it was known.
create or replace function add_engine(v_fqdn varchar, v_actor text, v_now timestamptz default clock_timestamp()) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  return know_engine(checked_fqdn('v_fqdn', v_fqdn), share_policy(), v_now, 'added by ' || v_actor, v_actor);
end
$$;

-- Sets what a full backup of an engine must cover, each scope with a period of its own (in days of 24 hours) or with
-- null for the option BackupAlertPeriodInDays. No scopes at all: the option BackupFullScopes holds again.
-- Errors: BA001 no such engine; 22023 a malformed scope, one given twice, a period outside 1..3650.
create or replace function set_required_scopes(v_fqdn varchar, v_scopes varchar[], v_period_days integer[], v_actor text,
                                               v_now timestamptz default clock_timestamp())
returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_engine_fqdn constant varchar := lower(v_fqdn);
  v_scope varchar;
  v_days integer;
  v_told text;
  v_policy policy_in_force;
begin
  if cardinality(v_scopes) <> cardinality(v_period_days) then
    perform refuse_argument('v_period_days', v_period_days::text, 'has another length than v_scopes');
  end if;
  for v_scope, v_days in select * from unnest(v_scopes, v_period_days) loop
    perform check_scope('v_scopes', v_scope);
    if v_days not between 1 and 3650 then
      perform refuse_argument('v_period_days', v_days::text, 'is not a whole number of days from 1 to 3650');
    end if;
  end loop;
  if cardinality(v_scopes) > 100 or (select count(distinct s) < cardinality(v_scopes) from unnest(v_scopes) s) then
    perform refuse_argument('v_scopes', v_scopes::text, 'names a scope twice, or more than 100');
  end if;

  v_policy := share_policy();
  perform lock_engine(v_engine_fqdn);
  delete from engine_required_scope where fqdn = v_engine_fqdn;
  insert into engine_required_scope (fqdn, scope, alert_period_days) select v_engine_fqdn, s, d from unnest(v_scopes, v_period_days) u(s, d);
  update engine set has_own_scopes = cardinality(v_scopes) > 0 where fqdn = v_engine_fqdn;
  select string_agg(s || coalesce(format(' (%s %s)', d, case d when 1 then 'day' else 'days' end), ''), ', ') into v_told from unnest(v_scopes, v_period_days) u(s, d);
  perform log_event('ENGINE_CHANGED', format('%s set the required scopes of engine %s to %s.', v_actor, v_engine_fqdn,
                                             coalesce(v_told, 'those of the option BackupFullScopes')),
                    v_now, v_engine_fqdn, v_actor => v_actor);
  perform measure_engines(array[v_engine_fqdn], v_policy);
  perform settle(array[v_engine_fqdn], v_policy, v_now);
end
$$;

-- Forgets an engine: it is watched no longer and its alerts are cleared. What was logged of it stays; if it reports
-- again, it is known again and starts with nothing. Error: BA001 no such engine.
create or replace function remove_engine(v_fqdn varchar, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_engine_fqdn constant varchar := lower(v_fqdn);
  v_cleared bigint;
begin
  perform share_policy();
  perform lock_engine(v_engine_fqdn);
  with cleared as (
    update alert set cleared_at = v_now where fqdn = v_engine_fqdn and cleared_at is null returning id, type, scope
  )
  select count(log_event('ENGINE_ALERT_CLEARED',
                         format('The alert %s of engine %s is cleared: it is watched no longer.', c.type, v_engine_fqdn),
                         v_now, v_engine_fqdn, c.scope, c.id))
    into v_cleared
  from (select * from cleared order by id) c;
  update backup set outcome = 'abandoned'
  where outcome = 'running' and (fqdn, scope) in (select s.fqdn, s.scope from engine_scope s where s.fqdn = v_engine_fqdn);
  delete from engine where fqdn = v_engine_fqdn;
  perform log_event('ENGINE_REMOVED', format('%s removed engine %s: it is watched no longer.', v_actor, v_engine_fqdn), v_now, v_engine_fqdn, v_actor => v_actor);
end
$$;

-- Locks one engine's row. Error: BA001 no such engine.
create or replace function lock_engine(v_fqdn varchar) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  if not is_engine_locked(v_fqdn) then
    raise exception 'there is no engine %', to_json(shortened(v_fqdn, 255)) using errcode = 'BA001';
  end if;
end
$$;
