-- The state of these engines (null: of all), worked out at this moment, and the times from which it follows.
--   since      since when it is in that state
--   stale_at   when it goes, or went, stale; null without a full backup
create or replace function engine_status(v_fqdns varchar[], v_now timestamptz default clock_timestamp())
returns table (fqdn varchar, state text, since timestamptz, full_backup_at timestamptz, stale_at timestamptz, required_scopes text[], required_period_days integer[],
               has_own_scopes boolean)
language sql stable security definer set search_path = backup_awareness, pg_temp set jit = off as $$
  select e.fqdn, d.state,
         case d.state
           when 'disabled' then greatest(p.disabled_since, e.added_at)
           when 'stale' then d.stale_at
           else e.since_at
         end,
         e.full_backup_at,
         d.stale_at,
         case when e.has_own_scopes
           then array(select r.scope::text from engine_required_scope r where r.fqdn = e.fqdn order by r.scope)
           else p.full_scopes end,
         case when e.has_own_scopes
           then array(select r.alert_period_days from engine_required_scope r where r.fqdn = e.fqdn order by r.scope)
           else array_fill(null::integer, array[cardinality(p.full_scopes)]) end,
         e.has_own_scopes
  from policy() p
  cross join engine e
  cross join lateral (select backup_awareness.stale_at(e.default_oldest_at, e.own_stale_at, p.alert_period) as stale_at) t
  cross join lateral (select t.stale_at, engine_state(p.is_enabled, e.full_backup_at, t.stale_at, v_now) as state) d
  where v_fqdns is null or e.fqdn = any (v_fqdns)
  order by e.fqdn
$$;
