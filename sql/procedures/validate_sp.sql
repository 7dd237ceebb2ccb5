-- Refuses an argument: SQLSTATE 22023, naming the argument and its value (as a JSON string, so that control characters
-- show; shortened).
create or replace function refuse_argument(v_argument text, v_value text, v_rule text) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  raise exception 'argument %: % %', v_argument, coalesce(to_json(shortened(v_value, 200))::text, 'null'), v_rule using
    errcode = 'invalid_parameter_value';
end
$$;

-- A scope's name. The same rule stands in src/contract/scope.ts.
create or replace function check_scope(v_argument text, v_scope varchar) returns void
language plpgsql immutable set search_path = backup_awareness, pg_temp as $$
begin
  if v_scope is null or v_scope !~ '^[a-z][a-z0-9_-]{0,63}$' then
    perform refuse_argument(v_argument, v_scope, 'is not a scope (a lower-case letter, then up to 63 letters, digits, "_" or "-")');
  end if;
end
$$;

-- An engine's name as it is stored: in lower case.
create or replace function checked_fqdn(v_argument text, v_fqdn varchar) returns varchar
language plpgsql immutable set search_path = backup_awareness, pg_temp as $$
begin
  if v_fqdn is null or btrim(v_fqdn) = '' then
    perform refuse_argument(v_argument, v_fqdn, 'is not the name of an engine');
  end if;
  if char_length(v_fqdn) > 255 then
    perform refuse_argument(v_argument, v_fqdn, format('has %s characters; at most 255 are allowed', char_length(v_fqdn)));
  end if;
  if v_fqdn ~ '[\u0001-\u001f\u007f-\u009f]' then
    perform refuse_argument(v_argument, v_fqdn, 'has a control character');
  end if;
  return lower(v_fqdn);
end
$$;
