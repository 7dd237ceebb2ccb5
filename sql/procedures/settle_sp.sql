-- Settles all that can be open of these engines.
create or replace function settle(v_fqdns varchar[], v_now timestamptz, out raised bigint[], out cleared bigint[])
language sql set search_path = backup_awareness, pg_temp as $$
  select e.raised || s.raised, e.cleared || s.cleared
  from settle_engines(v_fqdns, v_now) e, settle_stalled(v_fqdns, v_now) s
$$;
