-- Brings the table of options in line with the program's: [{name, type, minimum, maximum, special, default, help}].
-- Values that were set stay.
create or replace function declare_options(v_definitions jsonb) returns void
language sql set search_path = backup_awareness, pg_temp as $$
  insert into option as o (name, type, minimum, maximum, special, default_value, help)
  select d.name, d.type, d.minimum, d.maximum, coalesce(d.special, '{}'), d."default", d.help
  from jsonb_to_recordset(v_definitions)
    as d(name text, type text, minimum integer, maximum integer, special integer[], "default" jsonb, help text)
  on conflict (name) do update
  set type = excluded.type, minimum = excluded.minimum, maximum = excluded.maximum, special = excluded.special,
      default_value = excluded.default_value, help = excluded.help;
$$;

-- The same for the kinds of events: [{name, code, severity}].
create or replace function declare_event_types(v_types jsonb) returns void
language sql set search_path = backup_awareness, pg_temp as $$
  insert into event_type as t (code, name, severity)
  select code, name, severity from jsonb_to_recordset(v_types) as d(name text, code integer, severity integer)
  on conflict (code) do update set name = excluded.name, severity = excluded.severity
$$;

-- Sets an option (v_value null: back to its default), for all engines at once: their alerts follow in the same
-- transaction. v_actor is who does it. Returns whether it changed anything.
-- Errors: BA003 no such option; 22023 a value of another type or out of range, naming option, value and range; 55P03 a
-- report's transaction has been open for too long.
create or replace function set_option(v_name text, v_value jsonb, v_actor text, v_now timestamptz default clock_timestamp())
returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_option option%rowtype;
  v_former jsonb;
  v_new jsonb;
begin
  perform lock_options();
  select * into v_option from option where name = v_name;
  if not found then
    raise exception 'there is no option %', to_json(shortened(v_name, 200)) using errcode = 'BA003';
  end if;
  if jsonb_typeof(v_value) = 'null' then
    v_value := null;
  end if;
  if v_value is not null then
    perform check_option_value(v_option, v_value);
  end if;

  v_former := coalesce(v_option.value, v_option.default_value);
  v_new := coalesce(v_value, v_option.default_value);
  if v_option.value is not distinct from v_value then
    return false;
  end if;
  update option
  set value = v_value,
      changed_at = case when v_new = v_former then changed_at else v_now end,
      changed_by = case when v_new = v_former then changed_by else v_actor end
  where name = v_name;
  if v_new = v_former then
    return true;
  end if;

  perform log_event('OPTION_CHANGED', format('%s set %s to %s; it was %s.', v_actor, v_name, shortened(v_new::text, 1000), shortened(v_former::text, 1000)),
                    v_now, v_actor => v_actor);
  case v_name
    when 'BackupCheckPeriodInHours' then
      if v_new = '-1' then
        perform log_event('BACKUP_AWARENESS_DISABLED', format('%s disabled Backup Awareness: nobody is warned from now on.', v_actor), v_now, v_actor => v_actor);
        perform queue_check(policy(), v_now, null);
      else
        if v_former = '-1' then
          perform log_event('BACKUP_AWARENESS_ENABLED', format('%s enabled Backup Awareness.', v_actor), v_now, v_actor => v_actor);
        end if;
        perform run_check(v_now); -- so that the next one is due a whole new period from now
      end if;
    when 'BackupFullScopes' then
      perform measure_engines(array(select fqdn from engine where not has_own_scopes order by fqdn for no key update), policy());
    else
      null;
  end case;
  perform settle_due(policy(), v_now);
  return true;
end
$$;

-- Refuses a value that the option's declaration does not allow.
create or replace function check_option_value(v_option option, v_value jsonb) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_range constant text := case v_option.type
    when 'integer' then format('a whole number from %s to %s', v_option.minimum, v_option.maximum)
      || case when v_option.special <> '{}' then ', or ' || array_to_string(v_option.special, ', ') else '' end
    when 'scopes' then 'a list of one or more scopes, none twice'
    else 'a list of pg_dump patterns, none empty or longer than 1000 characters'
  end;
  v_allowed boolean := false;
begin
  if v_option.type = 'integer' then
    v_allowed := jsonb_typeof(v_value) = 'number' and v_value::text ~ '^-?[0-9]{1,9}$'
      and (v_value::text::integer between v_option.minimum and v_option.maximum or v_value::text::integer = any (v_option.special));
  elsif jsonb_typeof(v_value) = 'array' and not exists (select from jsonb_array_elements(v_value) e where jsonb_typeof(e) <> 'string') then
    if v_option.type = 'scopes' then
      select count(*) between 1 and 100 and count(*) = count(distinct e) and bool_and(e ~ '^[a-z][a-z0-9_-]{0,63}$') into v_allowed
      from jsonb_array_elements_text(v_value) e;
    else
      select count(*) <= 10000 and coalesce(bool_and(btrim(e) <> '' and char_length(e) <= 1000 and e !~ '[\u0001-\u001f\u007f]'), true) into v_allowed
      from jsonb_array_elements_text(v_value) e;
    end if;
  end if;
  if v_allowed is not true then
    raise exception 'option %: % is not %', v_option.name, shortened(v_value::text, 200), v_range using errcode = 'invalid_parameter_value';
  end if;
end
$$;
