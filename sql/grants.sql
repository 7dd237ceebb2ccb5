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
  record_report(varchar, timestamptz, text, text, varchar, text, text, bigint, bigint, text, text, bigint, text, timestamptz),
  note_listing(varchar, varchar, varchar, text, text, jsonb, timestamptz),
  end_listing(varchar, varchar, varchar, text, text, timestamptz, boolean, text[], integer, text, timestamptz),
  log_output(varchar, varchar, text, timestamptz),
  remove_importers(text, text[], varchar, text, timestamptz),
  log_refused_report(text, text, text, text, text, timestamptz),
  log_archive_event(text, varchar, text, text, timestamptz),
  log_restore_event(text, varchar, varchar, text, text, timestamptz),
  run_check(timestamptz), remove_old_events(integer),
  set_option(text, jsonb, text, timestamptz),
  set_own_engine(varchar, timestamptz), add_engine(varchar, text, timestamptz), remove_engine(varchar, text, timestamptz),
  set_required_scopes(varchar, varchar[], integer[], text, timestamptz),
  dismiss_alert(bigint, text, text, timestamptz), restore_alert(bigint, text, timestamptz),
  add_channel(text, text, jsonb, bytea, text, text, timestamptz), set_channel(text, jsonb, bytea, text, timestamptz),
  remove_channel(text, text, timestamptz),
  add_notification_rule(text, text[], text[], integer, integer, integer, text, timestamptz),
  remove_notification_rule(bigint, text, timestamptz),
  add_maintenance_window(text[], timestamptz, timestamptz, integer[], time, integer, text, text, text, timestamptz),
  remove_maintenance_window(bigint, text, timestamptz), maintenance_until(varchar, timestamptz), is_named(text[], varchar),
  begin_delivery(bigint, bigint, timestamptz), finish_delivery(bigint, text, text, interval, text, timestamptz),
  begin_test_delivery(text, timestamptz), wake_channels(timestamptz), withdraw_notifications(),
  remove_old_notifications(integer),
  create_token(text, text, varchar, text, bytea, timestamptz, text, timestamptz), revoke_token(bigint, text, timestamptz),
  use_token(bytea, text, timestamptz),
  add_user(text, text, text, timestamptz), change_user(text, text, boolean, text, timestamptz),
  set_password(text, text, bytea, text, timestamptz), make_password_link(text, bytea, timestamptz, text, timestamptz),
  use_password_link(bytea, timestamptz), open_session(text, bytea, timestamptz, text, text, timestamptz),
  use_session(bytea, interval, timestamptz), close_sessions(text, bytea, text, timestamptz),
  login_wait(text, text, timestamptz), note_login_failure(text, text, timestamptz),
  offer_second_factor(text, text), confirm_second_factor(text, bigint, bytea[], text, timestamptz),
  remove_second_factor(text, text, timestamptz), take_totp_step(text, bigint), take_recovery_code(text, bytea, text, timestamptz),
  engine_status(varchar[], timestamptz), name_parts(varchar), policy(), alert_message(text, varchar, varchar, policy_in_force)
to backup_awareness;

-- The job queue is the owner's, since its procedures call it: nobody else may replace what they call. Its tables let only
-- those in whom a policy names.
grant usage on schema graphile_worker to backup_awareness;
grant select, insert, update, delete on all tables in schema graphile_worker to backup_awareness;
revoke insert, update, delete on graphile_worker.migrations from backup_awareness;
grant usage on all sequences in schema graphile_worker to backup_awareness;
do $grants$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_class c
    where c.relnamespace = 'graphile_worker'::regnamespace and c.relrowsecurity
      and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'backup_awareness')
  loop
    execute format('create policy backup_awareness on %s to backup_awareness using (true)', v_table);
  end loop;
end
$grants$;
