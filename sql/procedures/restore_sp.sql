-- Says in the audit log that a scope of an engine is being restored, was, or was not.
--
--   v_type   an event type whose name begins with ENGINE_RESTORE; any other is SQLSTATE 22023
--
-- Calling twice logs twice: each is something that happened.
create or replace function log_restore_event(v_type text, v_fqdn varchar, v_scope varchar, v_message text, v_actor text,
                                             v_now timestamptz default clock_timestamp())
returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  if v_type is null or v_type !~ '^ENGINE_RESTORE_' or not exists (select from event_type t where t.name = v_type) then
    perform refuse_argument('v_type', v_type, 'is no event of a restore');
  end if;
  perform check_scope('v_scope', v_scope);
  perform log_event(v_type, shortened(v_message, 2000), v_now, checked_fqdn('v_fqdn', v_fqdn), v_scope, null, v_actor);
end
$$;

-- Makes a restored copy of this database fit to take the place of the present one: what it had queued is of another day
-- and is not told again; the check comes at once. Returns how many notifications were withdrawn. Calling twice is safe.
create or replace function settle_restored_database(v_now timestamptz default clock_timestamp()) returns integer
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_policy constant policy_in_force := share_policy();
  v_withdrawn integer;
begin
  -- The workers that held these jobs belong to the database of before.
  perform graphile_worker.force_unlock_workers(array(select distinct j.locked_by from graphile_worker.jobs j where j.locked_by is not null));
  v_withdrawn := withdraw_notifications();
  perform graphile_worker.complete_jobs(array(select j.id from graphile_worker.jobs j));
  perform queue_check(v_policy, v_now, interval '0');
  return v_withdrawn;
end
$$;
