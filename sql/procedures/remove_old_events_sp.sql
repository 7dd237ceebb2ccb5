-- The retention job: removes at most v_limit events older than AuditLogRetentionInDays, the oldest first, but never
-- those of an alert that is still open. Returns how many; to be repeated until that is none. It takes no time as an
-- argument: whoever may call it could remove everything.
create or replace function remove_old_events(v_limit integer default 10000) returns integer
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  return remove_events_old_at(clock_timestamp(), v_limit);
end
$$;

-- The same at any moment; nobody is granted it.
create or replace function remove_events_old_at(v_now timestamptz, v_limit integer) returns integer
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_removed integer;
begin
  perform set_config('backup_awareness.retention', 'on', true);
  delete from audit_log
  where id in (
    select l.id from audit_log l
    where l.log_time < v_now - (
        select make_interval(hours => 24 * coalesce(value, default_value)::text::integer) from option where name = 'AuditLogRetentionInDays'
      )
      and not exists (select from alert a where a.id = l.alert_id and a.cleared_at is null)
    order by l.log_time limit v_limit
  );
  get diagnostics v_removed = row_count;
  perform set_config('backup_awareness.retention', 'off', true);
  return v_removed;
end
$$;

-- The same for notifications and deliveries, of the same age; those of an open alert stay. Returns how many went.
create or replace function remove_old_notifications(v_limit integer default 10000) returns integer
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_before constant timestamptz := clock_timestamp() - (
    select make_interval(hours => 24 * coalesce(value, default_value)::text::integer) from option where name = 'AuditLogRetentionInDays'
  );
  v_notifications integer;
  v_deliveries integer;
begin
  delete from notification
  where id in (
    select n.id from notification n
    where n.queued_at < v_before and n.state not in ('queued', 'sending')
      and not exists (select from alert a where a.id = n.alert_id and a.cleared_at is null)
    order by n.queued_at limit v_limit
  );
  get diagnostics v_notifications = row_count;
  delete from delivery
  where id in (select d.id from delivery d where d.begun_at < v_before and d.ended_at is not null order by d.begun_at limit v_limit);
  get diagnostics v_deliveries = row_count;
  return v_notifications + v_deliveries;
end
$$;
