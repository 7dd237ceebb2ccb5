-- Makes the open alerts of these engines those of their states, and logs what that changes: raises the warning of a new
-- state, clears that of the former one, and says when an engine became fresh. Finding nothing to do is cheap; doing it
-- twice does it once. Returns the alerts that were raised and cleared. The caller has locked the options and the engines.
create or replace function settle_engines(v_fqdns varchar[], v_policy policy_in_force, v_now timestamptz, out raised bigint[], out cleared bigint[])
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_turned varchar[];
begin
  raised := '{}';
  cleared := '{}';

  -- A disabled feature leaves fresh engines alone: they have nothing open.
  select array_agg(e.fqdn order by e.fqdn) into v_turned
  from engine e
  where e.fqdn = any (v_fqdns)
    and e.noted_state is distinct from
        engine_state(v_policy.is_enabled, e.full_backup_at, stale_at(e.default_oldest_at, e.own_stale_at, v_policy.alert_period), v_now)
    and not (not v_policy.is_enabled and e.noted_state = 'fresh');
  if v_turned is null then
    return;
  end if;

  with turned as (
    select e.fqdn, e.noted_state as former_state,
           engine_state(v_policy.is_enabled, e.full_backup_at, stale_at(e.default_oldest_at, e.own_stale_at, v_policy.alert_period), v_now) as state
    from engine e
    where e.fqdn = any (v_turned)
  ), noted as (
    update engine e
    set noted_state = t.state,
        since_at = case
          when t.state = 'fresh' or (t.state = 'no_full_backup' and t.former_state in ('fresh', 'stale')) then v_now
          else e.since_at
        end
    from turned t where t.fqdn = e.fqdn
  ), cleared_alert as (
    update alert a set cleared_at = v_now
    from turned t
    where a.fqdn = t.fqdn and a.type = warning_of_state(t.former_state) and a.cleared_at is null
    returning a.id, a.fqdn, a.type, t.state
  ), raised_alert as (
    insert into alert (fqdn, type, raised_at)
    select fqdn, warning_of_state(state), v_now from turned where warning_of_state(state) is not null order by fqdn
    returning id
  ), logged as (
    insert into audit_log (log_time, log_type, log_type_name, severity, message, fqdn, alert_id)
    select v_now, y.code, y.name, y.severity, m.message, m.fqdn, m.id
    from (
      select 'ENGINE_ALERT_CLEARED' as type, c.fqdn, c.id,
             format('The alert %s of engine %s is cleared: %s.', c.type, c.fqdn,
                    case c.state when 'disabled' then 'the feature is disabled' else 'its state is now ' || c.state end) as message
      from cleared_alert c where c.state <> 'fresh'
      union all
      select 'ENGINE_FULL_BACKUP_AVAILABLE', t.fqdn, c.id, format('Engine %s has a full and fresh backup.', t.fqdn)
      from turned t left join cleared_alert c on c.fqdn = t.fqdn where t.state = 'fresh'
    ) m
    join event_type y on y.name = m.type
    order by m.fqdn
  )
  select array(select id from cleared_alert), array(select id from raised_alert) into cleared, raised;

  -- In a statement of its own: the text of a warning reads what the one above wrote.
  perform log_raised_alerts(raised, v_policy, v_now);
end
$$;
