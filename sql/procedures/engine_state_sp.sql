-- The moment after which an engine is stale; null: it has no full backup. A day is 24 hours.
create or replace function stale_at(v_default_oldest_at timestamptz, v_own_stale_at timestamptz, v_alert_period interval)
returns timestamptz
language sql stable as $$
  select least(v_default_oldest_at + v_alert_period, v_own_stale_at)
$$;

-- The one place that decides an engine's state. Exactly the alert period old is still fresh.
create or replace function engine_state(v_enabled boolean, v_full_backup_at timestamptz, v_stale_at timestamptz, v_now timestamptz)
returns text
language sql immutable as $$
  select case
    when not v_enabled then 'disabled'
    when v_full_backup_at is null then 'no_full_backup'
    when v_now > v_stale_at then 'stale'
    else 'fresh'
  end
$$;

-- Which alert an engine in that state has open.
create or replace function warning_of_state(v_state text) returns text
language sql immutable as $$
  select case v_state when 'no_full_backup' then 'ENGINE_NO_FULL_BACKUP' when 'stale' then 'ENGINE_NO_WARM_BACKUP' end
$$;

-- What a full backup of an engine must cover. v_period is null where the option BackupAlertPeriodInDays holds.
create or replace function required_scopes(v_fqdn varchar, v_has_own_scopes boolean, v_full_scopes text[])
returns table (scope text, period interval)
language sql stable rows 3 as $$
  select r.scope::text, make_interval(hours => 24 * r.alert_period_days)
  from backup_awareness.engine_required_scope r where v_has_own_scopes and r.fqdn = v_fqdn
  union all
  select s, null from unnest(v_full_scopes) s where not v_has_own_scopes
$$;

-- Stores the times that decide the state of these engines; to be called whenever a required scope has a
-- new last success, or other scopes are required. The caller has locked the options and the engines.
create or replace function measure_engines(v_fqdns varchar[], v_policy policy_in_force) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  with measured as (
    select e.fqdn, m.*
    from engine e
    cross join lateral (
      select case when bool_and(s.last_success_at is not null) then min(s.last_success_at) end as full_backup_at,
             case when bool_and(s.last_success_at is not null) then min(s.last_success_at) filter (where r.period is null) end as default_oldest_at,
             case when bool_and(s.last_success_at is not null) then min(s.last_success_at + r.period) end as own_stale_at
      from required_scopes(e.fqdn, e.has_own_scopes, v_policy.full_scopes) r
      left join engine_scope s on s.fqdn = e.fqdn and s.scope = r.scope
    ) m
    where e.fqdn = any (v_fqdns)
  )
  update engine e
  set full_backup_at = t.full_backup_at, default_oldest_at = t.default_oldest_at, own_stale_at = t.own_stale_at
  from measured t
  where t.fqdn = e.fqdn
    and (e.full_backup_at, e.default_oldest_at, e.own_stale_at)
        is distinct from (t.full_backup_at, t.default_oldest_at, t.own_stale_at);
end
$$;
