-- Says what a channel hears of: engines by patterns, types of events and a lowest severity (no engines, no types: all of
-- them). Alerts that are open already are told at once. Returns the rule's number.
-- Errors: BA051 no such channel; 22023 an unknown type, a malformed pattern, hours outside 1..8760.
create or replace function add_notification_rule(v_channel text, v_engines text[], v_types text[], v_minimum_severity integer,
                                                 v_reminder_hours integer, v_after_hours integer, v_actor text,
                                                 v_now timestamptz default clock_timestamp())
returns bigint
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_target channel%rowtype;
  v_rule notification_rule%rowtype;
  v_word text;
begin
  perform check_engine_patterns(v_engines);
  foreach v_word in array v_types loop
    if not exists (select from event_type where name = v_word) then
      perform refuse_argument('v_types', v_word, 'is no type of event');
    end if;
  end loop;
  if v_reminder_hours not between 1 and 8760 then
    perform refuse_argument('v_reminder_hours', v_reminder_hours::text, 'is not a whole number of hours from 1 to 8760');
  end if;
  if v_after_hours not between 1 and 8760 then
    perform refuse_argument('v_after_hours', v_after_hours::text, 'is not a whole number of hours from 1 to 8760');
  end if;
  select * into v_target from locked_channel(v_channel);
  insert into notification_rule (channel_id, engines, types, minimum_severity, reminder_hours, after_hours, added_at, added_by)
  values (v_target.id, v_engines, v_types, v_minimum_severity, v_reminder_hours, v_after_hours, v_now, v_actor)
  returning * into v_rule;
  perform log_event('NOTIFICATION_RULE_ADDED', format('%s added rule %s: %s', v_actor, v_rule.id, told_rule(v_rule, v_target.name)), v_now, v_actor => v_actor);

  insert into notification (channel_id, kind, alert_id, event_id, fqdn, queued_at, due_at, reminder_hours)
  select v_target.id, 'raised', a.id, l.id, a.fqdn, v_now,
         greatest(v_now, a.raised_at + make_interval(hours => coalesce(v_after_hours, 0))), v_reminder_hours
  from alert a
  join event_type y on y.name = a.type
  cross join lateral (select coalesce(max(l.id), 0) as id from audit_log l where l.fqdn = a.fqdn and l.alert_id = a.id and l.log_type_name = a.type) l
  where a.cleared_at is null and a.dismissed_at is null and is_told(v_rule, a.type, y.severity, a.fqdn)
    and not (a.type = 'CHANNEL_FAILING' and a.scope = v_target.name)
  on conflict do nothing;
  perform queue_sending(v_target.id, d.due_at)
  from (select distinct due_at from notification where channel_id = v_target.id and queued_at = v_now and state = 'queued') d;
  return v_rule.id;
end
$$;

-- Removes a rule. What it has queued is still sent. Error: BA053 no such rule.
create or replace function remove_notification_rule(v_rule_id bigint, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_rule notification_rule%rowtype;
begin
  delete from notification_rule where id = v_rule_id returning * into v_rule;
  if not found then
    raise exception 'there is no rule %', v_rule_id using errcode = 'BA053';
  end if;
  perform log_event('NOTIFICATION_RULE_REMOVED',
                    format('%s removed rule %s: %s', v_actor, v_rule_id, told_rule(v_rule, (select name from channel where id = v_rule.channel_id))),
                    v_now, v_actor => v_actor);
end
$$;

create or replace function told_rule(v_rule notification_rule, v_channel text) returns text
language sql stable as $$
  select format('channel %s hears of %s of %s, from severity %s%s%s.', v_channel,
                case when v_rule.types = '{}' then 'all events' else array_to_string(v_rule.types, ', ') end,
                case when v_rule.engines = '{}' then 'all engines' else array_to_string(v_rule.engines, ', ') end,
                v_rule.minimum_severity,
                coalesce(format(', again every %s hours', v_rule.reminder_hours), ''),
                coalesce(format(', when open for %s hours', v_rule.after_hours), ''))
$$;

-- Refuses patterns that can name no engine.
create or replace function check_engine_patterns(v_engines text[]) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_pattern text;
begin
  if v_engines is null or cardinality(v_engines) > 1000 then
    perform refuse_argument('v_engines', v_engines::text, 'is no list of at most 1000 patterns');
  end if;
  foreach v_pattern in array v_engines loop
    if v_pattern is null or v_pattern !~ '^[^[:space:][:cntrl:]]{1,255}$' or v_pattern <> lower(v_pattern) then
      perform refuse_argument('v_engines', v_pattern, 'is no pattern of engines: small letters, * for any text, ? for any character, no blanks');
    end if;
  end loop;
end
$$;
