-- Says in the audit log what a backup tool wrote while it runs: it neither begins nor ends a run. Errors: SQLSTATE 22023.
create or replace function log_output(v_scope varchar, v_fqdn varchar, v_output text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_engine_fqdn constant varchar := checked_fqdn('v_fqdn', v_fqdn);
begin
  perform check_scope('v_scope', v_scope);
  perform log_event('ENGINE_BACKUP_LOGGED',
                    format('The backup of scope %s of engine %s says: %s', v_scope, v_engine_fqdn, shortened(coalesce(v_output, ''), 2000)),
                    v_now, v_engine_fqdn, v_scope);
end
$$;
