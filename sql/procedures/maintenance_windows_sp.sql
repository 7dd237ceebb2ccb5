-- Says when notifications wait: once, from v_starts_at to v_ends_at, or else on weekdays (1 Monday to 7 Sunday) from a
-- local time for so many minutes. What waits is told at the end, unless it is over by then. Returns the window's number.
-- Error: 22023 names the argument and its value.
create or replace function add_maintenance_window(v_engines text[], v_starts_at timestamptz, v_ends_at timestamptz, v_weekdays integer[],
                                                  v_local_start time, v_duration_minutes integer, v_time_zone text, v_reason text,
                                                  v_actor text, v_now timestamptz default clock_timestamp())
returns bigint
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_window maintenance_window%rowtype;
begin
  perform check_engine_patterns(v_engines);
  if v_starts_at is not null then
    if v_ends_at is null or not isfinite(v_starts_at) or not isfinite(v_ends_at) or v_ends_at <= v_starts_at then
      perform refuse_argument('v_ends_at', v_ends_at::text, 'is not after the start');
    end if;
  else
    if v_weekdays is null or v_weekdays = '{}' or not v_weekdays <@ array[1, 2, 3, 4, 5, 6, 7] then
      perform refuse_argument('v_weekdays', v_weekdays::text, 'names no days from 1 (Monday) to 7 (Sunday)');
    end if;
    if v_local_start is null then
      perform refuse_argument('v_local_start', null, 'is no time of the day');
    end if;
    if v_duration_minutes is null or v_duration_minutes not between 1 and 10080 then
      perform refuse_argument('v_duration_minutes', v_duration_minutes::text, 'is not a whole number of minutes from 1 to 10080');
    end if;
    if v_time_zone is null or not exists (select from pg_catalog.pg_timezone_names where name = v_time_zone) then
      perform refuse_argument('v_time_zone', v_time_zone, 'is no time zone of this PostgreSQL, such as UTC or Europe/Berlin');
    end if;
  end if;
  insert into maintenance_window (engines, starts_at, ends_at, weekdays, local_start, duration_minutes, time_zone, reason, added_at, added_by)
  values (v_engines, v_starts_at, v_ends_at, v_weekdays, v_local_start, v_duration_minutes, v_time_zone, v_reason, v_now, v_actor)
  returning * into v_window;
  perform log_event('MAINTENANCE_WINDOW_ADDED', format('%s added maintenance window %s: %s', v_actor, v_window.id, told_window(v_window)), v_now, v_actor => v_actor);
  return v_window.id;
end
$$;

-- Removes a maintenance window; what waits for its end is told at once. Error: BA054 no such window.
create or replace function remove_maintenance_window(v_window_id bigint, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_window maintenance_window%rowtype;
begin
  delete from maintenance_window where id = v_window_id returning * into v_window;
  if not found then
    raise exception 'there is no maintenance window %', v_window_id using errcode = 'BA054';
  end if;
  perform log_event('MAINTENANCE_WINDOW_REMOVED', format('%s removed maintenance window %s: %s', v_actor, v_window_id, told_window(v_window)), v_now, v_actor => v_actor);
  -- Another window may still hold some: that is found when they are looked at.
  update notification set held_until = null where state = 'queued' and held_until > v_now;
  perform wake_channels(v_now);
end
$$;

-- The end of the maintenance that an engine is in; null: it is in none. null v_fqdn: no engine in particular.
create or replace function maintenance_until(v_fqdn varchar, v_now timestamptz) returns timestamptz
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
begin
  return (
    select max(s.ends_at)
    from maintenance_window w
    cross join lateral (
      select w.starts_at, w.ends_at where w.starts_at is not null
      union all
      select b.starts_at, b.starts_at + make_interval(mins => w.duration_minutes)
      from generate_series(0, 7) d
      cross join lateral (select (v_now at time zone w.time_zone)::date - d as day) t
      cross join lateral (select (t.day + w.local_start) at time zone w.time_zone as starts_at) b
      where w.starts_at is null and extract(isodow from t.day) = any (w.weekdays)
    ) s
    where v_now >= s.starts_at and v_now < s.ends_at and is_named(w.engines, v_fqdn)
  );
end
$$;

create or replace function told_window(v_window maintenance_window) returns text
language sql stable as $$
  select format('notifications about %s wait %s%s.',
                case when v_window.engines = '{}' then 'all engines' else array_to_string(v_window.engines, ', ') end,
                case when v_window.starts_at is not null
                  then format('from %s to %s', backup_awareness.told_time(v_window.starts_at), backup_awareness.told_time(v_window.ends_at))
                  else format('on weekdays %s from %s (%s) for %s minutes', array_to_string(v_window.weekdays, ','),
                              to_char(v_window.local_start, 'HH24:MI'), v_window.time_zone, v_window.duration_minutes) end,
                coalesce(': ' || backup_awareness.shortened(v_window.reason, 1000), ''))
$$;
