-- Says in the audit log what became of an archive: it was verified, was found not to be whole, or was removed.
--
--   v_type   an event type whose name begins with ARCHIVE; any other is SQLSTATE 22023
--   v_fqdn   the engine whose archive it is
--
-- Calling twice logs twice: each is something that happened.
create or replace function log_archive_event(v_type text, v_fqdn varchar, v_message text, v_actor text,
                                             v_now timestamptz default clock_timestamp())
returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  if v_type is null or v_type !~ '^ARCHIVE' or not exists (select from event_type t where t.name = v_type) then
    perform refuse_argument('v_type', v_type, 'is no event of an archive');
  end if;
  perform log_event(v_type, shortened(v_message, 2000), v_now, checked_fqdn('v_fqdn', v_fqdn), null, null, v_actor);
end
$$;
