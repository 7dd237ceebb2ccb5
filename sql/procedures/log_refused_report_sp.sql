-- Says in the audit log that a report was refused which its reporter cannot give otherwise: one that had waited in a
-- spool, say. Whatever it names may be malformed; it stands in the message, shortened.
create or replace function log_refused_report(v_scope text, v_done_at text, v_status text, v_fqdn text, v_reason text,
                                              v_now timestamptz default clock_timestamp())
returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  perform log_event('REPORT_REFUSED',
                    format('A report was refused: scope %s, engine %s, %s at %s: %s', to_json(shortened(v_scope, 100)),
                           to_json(shortened(v_fqdn, 300)), to_json(shortened(v_status, 100)), to_json(shortened(v_done_at, 100)),
                           shortened(v_reason, 1000)),
                    v_now);
end
$$;
