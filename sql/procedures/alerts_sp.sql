-- Marks an open alert as seen; it stays open, and in the audit log. Doing it twice keeps the first. Returns whether it
-- was new. Error: BA002 no open alert has that number.
create or replace function dismiss_alert(v_alert_id bigint, v_actor text, v_note text default null, v_now timestamptz default clock_timestamp())
returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_alert alert%rowtype;
begin
  select * into v_alert from alert where id = v_alert_id and cleared_at is null for update;
  if not found then
    raise exception 'there is no open alert %', v_alert_id using errcode = 'BA002';
  end if;
  if v_alert.dismissed_at is not null then
    return false;
  end if;
  update alert set dismissed_at = v_now, dismissed_by = v_actor, dismissal_note = v_note where id = v_alert_id;
  perform log_event('ENGINE_ALERT_DISMISSED',
                    format('%s dismissed the alert %s of engine %s%s.', v_actor, v_alert.type, v_alert.fqdn, coalesce(': ' || shortened(v_note, 1000), '')),
                    v_now, v_alert.fqdn, v_alert.scope, v_alert.id, v_actor);
  return true;
end
$$;

-- Undoes that: the alert is on the lists again. Returns whether it was dismissed. Error: BA002 no open alert has that number.
create or replace function restore_alert(v_alert_id bigint, v_actor text, v_now timestamptz default clock_timestamp()) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_alert alert%rowtype;
begin
  select * into v_alert from alert where id = v_alert_id and cleared_at is null for update;
  if not found then
    raise exception 'there is no open alert %', v_alert_id using errcode = 'BA002';
  end if;
  if v_alert.dismissed_at is null then
    return false;
  end if;
  update alert set dismissed_at = null, dismissed_by = null, dismissal_note = null where id = v_alert_id;
  perform log_event('ENGINE_ALERT_RESTORED',
                    format('%s took back the dismissal of the alert %s of engine %s.', v_actor, v_alert.type, v_alert.fqdn),
                    v_now, v_alert.fqdn, v_alert.scope, v_alert.id, v_actor);
  return true;
end
$$;
