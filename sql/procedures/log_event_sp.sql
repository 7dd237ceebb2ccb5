-- One line of the audit log. Code and severity come from event_type.
create or replace function log_event(v_type text, v_message text, v_now timestamptz, v_fqdn varchar default null,
                                     v_scope varchar default null, v_alert_id bigint default null, v_actor text default null)
returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  insert into audit_log (log_time, log_type, log_type_name, severity, message, fqdn, scope, alert_id, actor)
  select v_now, t.code, t.name, t.severity, v_message, v_fqdn, v_scope, v_alert_id, v_actor
  from event_type t where t.name = v_type;
end
$$;

-- A time as messages show it.
create or replace function told_time(v_time timestamptz) returns text
language sql stable as $$
  select to_char(v_time at time zone 'UTC', case when v_time < '0001-01-01 00:00:00+00' then 'YYYY-MM-DD HH24:MI:SS "BC UTC"' else 'YYYY-MM-DD HH24:MI:SS "UTC"' end)
$$;

-- The first v_length characters, marked where some are left out: the whole text stands in engine_backup_log.
create or replace function shortened(v_text text, v_length integer) returns text
language sql immutable as $$
  select case when char_length(v_text) > v_length then left(v_text, v_length) || ' [...]' else v_text end
$$;

-- What an open alert says now: what is at risk, since when, which scopes are missing or old, what to do.
create or replace function alert_message(v_type text, v_fqdn varchar, v_scope varchar, v_policy policy_in_force default null) returns text
language plpgsql stable security definer
set search_path = backup_awareness, pg_temp set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  v_engine record;
  v_missing text;
  v_oldest record;
begin
  if v_policy is null then
    v_policy := policy();
  end if;
  select * into v_engine from engine where fqdn = v_fqdn;

  case v_type
    when 'ENGINE_NO_FULL_BACKUP' then
      select string_agg(r.scope, ', ') into v_missing
      from required_scopes(v_fqdn, v_engine.has_own_scopes, v_policy.full_scopes) r
      left join engine_scope s on s.fqdn = v_fqdn and s.scope = r.scope
      where s.last_success_at is null;
      return format('There is no full backup of engine %s (since %s): never backed up: %s. If its data is damaged now, it is lost. '
                    'Run engine-backup, or your own backup tool and report it.',
                    v_fqdn, told_time(v_engine.since_at), v_missing);

    when 'ENGINE_NO_WARM_BACKUP' then
      select string_agg(format('%s (%s)', r.scope, told_time(s.last_success_at)), ', ' order by s.last_success_at) as scopes,
             min(s.last_success_at + coalesce(r.period, v_policy.alert_period)) as since
        into v_oldest
      from required_scopes(v_fqdn, v_engine.has_own_scopes, v_policy.full_scopes) r
      join engine_scope s on s.fqdn = v_fqdn and s.scope = r.scope
      where s.last_success_at + coalesce(r.period, v_policy.alert_period)
            = stale_at(v_engine.default_oldest_at, v_engine.own_stale_at, v_policy.alert_period)
         or s.last_success_at = v_engine.full_backup_at;
      return format('The last full backup of engine %s is of %s and too old since %s: %s. If its data is damaged now, everything after that is lost. '
                    'Run engine-backup, or your own backup tool and report it.',
                    v_fqdn, told_time(v_engine.full_backup_at), told_time(v_oldest.since), v_oldest.scopes);

    when 'ENGINE_BACKUP_STALLED' then
      return (
        select format('The backup of scope %s of engine %s, started at %s, has neither completed nor failed. '
                      'Look whether it still runs; if it does not, run it again.', v_scope, v_fqdn, told_time(running_since))
        from engine_scope where fqdn = v_fqdn and scope = v_scope
      );

    when 'CHANNEL_FAILING' then
      return (
        select format('The channel %s (%s) has not delivered its notifications since %s: %s. Whoever relies on it is not warned. '
                      'Correct it and run: backup-awareness channel test %s',
                      name, kind, told_time(failing_since), coalesce(fault, 'no answer'), name)
        from channel where name = v_scope and removed_at is null
      );
    else
      return import_alert_message(v_type, v_fqdn, v_scope);
  end case;
end
$$;

-- Logs that these alerts were raised, each with what it says at this moment.
create or replace function log_raised_alerts(v_alert_ids bigint[], v_policy policy_in_force, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  insert into audit_log (log_time, log_type, log_type_name, severity, message, fqdn, scope, alert_id)
  select v_now, y.code, y.name, y.severity, alert_message(a.type, a.fqdn, a.scope, v_policy), a.fqdn, a.scope, a.id
  from alert a join event_type y on y.name = a.type
  where a.id = any (v_alert_ids)
  order by a.id;
end
$$;
