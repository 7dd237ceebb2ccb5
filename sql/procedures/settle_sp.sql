-- Settles all that can be open of these engines. The caller has locked the options and the engines.
create or replace function settle(v_fqdns varchar[], v_policy policy_in_force, v_now timestamptz, out raised bigint[], out cleared bigint[])
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_stalled record;
  v_imports record;
begin
  select e.raised, e.cleared into raised, cleared from settle_engines(v_fqdns, v_policy, v_now) e;
  select s.raised, s.cleared into v_stalled from settle_stalled(v_fqdns, v_policy, v_now) s;
  select s.raised, s.cleared into v_imports from settle_imports(v_fqdns, v_policy, v_now) s;
  raised := raised || v_stalled.raised || v_imports.raised;
  cleared := cleared || v_stalled.cleared || v_imports.cleared;
end
$$;
