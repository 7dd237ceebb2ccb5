-- Who may do what. Run after the procedures, every time; as the owner.
revoke all on schema backup_awareness from public;
revoke all on all tables in schema backup_awareness from public;
revoke all on all functions in schema backup_awareness from public;

grant usage on schema backup_awareness to backup_awareness, backup_reporter;

grant execute on function LogEngineBackupEvent(varchar, timestamptz, integer, text, varchar, text) to backup_reporter;

grant select on all tables in schema backup_awareness to backup_awareness;
grant execute on function
  LogEngineBackupEvent(varchar, timestamptz, integer, text, varchar, text),
  GetLastSuccessfulEngineBackup(varchar), GetLastSuccessfulEngineBackup(varchar, varchar),
  record_report(varchar, timestamptz, text, text, varchar, text, text, bigint, bigint, text, text, timestamptz),
  run_check(timestamptz), remove_old_events(integer, timestamptz),
  set_option(text, jsonb, text, timestamptz),
  set_own_engine(varchar, timestamptz), add_engine(varchar, text, timestamptz), remove_engine(varchar, text, timestamptz),
  set_required_scopes(varchar, varchar[], integer[], text, timestamptz),
  dismiss_alert(bigint, text, text, timestamptz),
  engine_status(varchar[], timestamptz), policy(), alert_message(text, varchar, varchar, policy_in_force)
to backup_awareness;
