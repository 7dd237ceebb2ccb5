-- Raises ENGINE_BACKUP_STALLED for runs of these engines that have gone on for longer than BackupStalledAfterHours, and
-- clears it where that is no longer so. The caller has locked the options and the engines.
create or replace function settle_stalled(v_fqdns varchar[], v_policy policy_in_force, v_now timestamptz, out raised bigint[], out cleared bigint[])
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  raised := '{}';
  cleared := '{}';
  if not exists (
    select from engine_scope s where s.fqdn = any (v_fqdns) and s.stalled <> is_stalled(v_policy, s.running_since, v_now)
  ) then
    return;
  end if;

  with turned as (
    update engine_scope s
    set stalled = not s.stalled
    where s.fqdn = any (v_fqdns) and s.stalled <> is_stalled(v_policy, s.running_since, v_now)
    returning s.fqdn, s.scope, s.stalled
  ), cleared_alert as (
    update alert a set cleared_at = v_now
    from turned t
    where not t.stalled and a.fqdn = t.fqdn and a.scope = t.scope and a.type = 'ENGINE_BACKUP_STALLED' and a.cleared_at is null
    returning a.id, a.fqdn, a.scope
  ), raised_alert as (
    insert into alert (fqdn, scope, type, raised_at)
    select fqdn, scope, 'ENGINE_BACKUP_STALLED', v_now from turned where stalled order by fqdn, scope
    returning id
  ), logged as (
    insert into audit_log (log_time, log_type, log_type_name, severity, message, fqdn, scope, alert_id)
    select v_now, y.code, y.name, y.severity,
           format('The alert ENGINE_BACKUP_STALLED of scope %s of engine %s is cleared: %s.', c.scope, c.fqdn,
                  case when v_policy.is_enabled then 'no run of it is stalled any more' else 'the feature is disabled' end),
           c.fqdn, c.scope, c.id
    from cleared_alert c join event_type y on y.name = 'ENGINE_ALERT_CLEARED'
    order by c.fqdn, c.scope
  )
  select array(select id from cleared_alert), array(select id from raised_alert) into cleared, raised;

  if cardinality(raised) > 0 then
    perform log_raised_alerts(raised, v_policy, v_now);
  end if;
end
$$;

-- Whether a run has gone on for too long. null v_running_since: none runs.
create or replace function is_stalled(v_policy policy_in_force, v_running_since timestamptz, v_now timestamptz) returns boolean
language sql stable as $$
  select v_policy.is_enabled and coalesce(v_now > v_running_since + v_policy.stalled_after, false)
$$;
