-- The public face of record_report, oVirt's: what a reporter may call, from psql or any client.
--
--   v_status    -1 failed, 0 started, 1 completed
--   v_done_at   when that was; v_fqdn: empty or null is this database's own engine
--
-- The same report twice is recorded once and is no error. Errors: SQLSTATE 22023 names the argument and its value;
-- nothing is written. PostgreSQL does not enforce the lengths of arguments: they are checked.
create or replace function LogEngineBackupEvent(
  v_scope varchar(64), v_done_at timestamptz, v_status int, v_output_message text, v_fqdn varchar(255), v_log_path text
) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  if v_status is null or v_status not in (-1, 0, 1) then
    perform refuse_argument('v_status', v_status::text, 'is none of -1 (failed), 0 (started), 1 (completed)');
  end if;
  perform record_report(v_scope, v_done_at, (array['failed', 'started', 'completed'])[v_status + 2], v_output_message, v_fqdn, v_log_path);
end
$$;
