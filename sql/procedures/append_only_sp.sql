-- audit_log is append-only, also for its owner and a superuser's slip; only remove_events_old_at sets the flag.
create or replace function refuse_change_of_audit_log() returns trigger
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  if current_setting('backup_awareness.retention', true) is distinct from 'on' then
    raise exception 'audit_log is append-only' using
      errcode = 'insufficient_privilege',
      hint = 'Old events are removed by the retention job; see the option AuditLogRetentionInDays.';
  end if;
  return null;
end
$$;

drop trigger if exists audit_log_is_append_only on audit_log;
create trigger audit_log_is_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change_of_audit_log();
