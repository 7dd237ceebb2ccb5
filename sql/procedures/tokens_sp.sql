-- Makes a token; v_hash is its SHA-256. Returns its number. Errors: 22023 a kind, name, engine or time that cannot be.
create or replace function create_token(v_name text, v_kind text, v_engine varchar, v_prefix text, v_hash bytea, v_expires_at timestamptz,
                                        v_actor text, v_now timestamptz default clock_timestamp())
returns bigint
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_id bigint;
  v_pattern constant varchar := case when v_engine is not null then checked_fqdn('v_engine', v_engine) end;
begin
  if v_kind is null or v_kind not in ('report', 'read', 'admin') then
    perform refuse_argument('v_kind', v_kind, 'is none of report, read, admin');
  end if;
  if (v_kind = 'report') <> (v_pattern is not null) then
    perform refuse_argument('v_engine', v_engine, 'is what a report token, and no other, is bound to: an engine, or a pattern as *.example.com');
  end if;
  if v_name is null or btrim(v_name) = '' or char_length(v_name) > 100 or v_name ~ '[\u0001-\u001f\u007f-\u009f]' then
    perform refuse_argument('v_name', v_name, 'is not a name of 1 to 100 characters');
  end if;
  if v_expires_at <= v_now then
    perform refuse_argument('v_expires_at', v_expires_at::text, 'is not in the future');
  end if;
  insert into api_token (name, kind, engine, prefix, token_hash, created_at, created_by, expires_at)
  values (v_name, v_kind, v_pattern, v_prefix, v_hash, v_now, v_actor, v_expires_at)
  returning id into v_id;
  perform log_event('TOKEN_CREATED',
                    format('%s made the %s token %s (%s)%s%s.', v_actor, v_kind, v_id, v_name, ' for engine ' || v_pattern,
                           coalesce(', valid until ' || told_time(v_expires_at), ', valid until it is revoked')),
                    v_now, v_actor => v_actor);
  return v_id;
end
$$;

-- Revokes a token for good. Twice is safe; returns whether it was new. Error: BA041 no such token.
create or replace function revoke_token(v_id bigint, v_actor text, v_now timestamptz default clock_timestamp()) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_token api_token%rowtype;
begin
  select * into v_token from api_token where id = v_id for update;
  if not found then
    raise exception 'there is no token %', v_id using errcode = 'BA041';
  end if;
  if v_token.revoked_at is not null then
    return false;
  end if;
  update api_token set revoked_at = v_now where id = v_id;
  perform log_event('TOKEN_REVOKED', format('%s revoked the %s token %s (%s).', v_actor, v_token.kind, v_id, v_token.name), v_now, v_actor => v_actor);
  return true;
end
$$;

-- The token of that hash, if it is valid now; notes that it is used, and from where, once a minute.
create or replace function use_token(v_hash bytea, v_address text, v_now timestamptz default clock_timestamp())
returns table (id bigint, name text, kind text, engine varchar)
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_token api_token%rowtype;
begin
  select * into v_token from api_token t where t.token_hash = v_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > v_now);
  if not found then
    return;
  end if;
  if v_token.last_used_at is null or v_token.last_used_at < v_now - interval '1 minute' then
    -- Whoever else notes it in this moment is not waited for.
    update api_token t set last_used_at = v_now, last_used_from = v_address
    where t.id = (select l.id from api_token l where l.id = v_token.id for no key update skip locked);
  end if;
  return query select v_token.id, v_token.name, v_token.kind, v_token.engine;
end
$$;
