-- Adds a channel. Its secrets come encrypted. Returns its number.
-- Errors: 22023 a malformed name; BA052 there is a channel of that name.
create or replace function add_channel(v_name text, v_kind text, v_config jsonb, v_secrets bytea, v_grouping text, v_actor text,
                                       v_now timestamptz default clock_timestamp())
returns bigint
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_id bigint;
begin
  if v_name is null or v_name !~ '^[a-z][a-z0-9_-]{0,63}$' then
    perform refuse_argument('v_name', v_name, 'is no name of a channel: small letters, digits, _ and -, at most 64, a letter first');
  end if;
  insert into channel (name, kind, config, secrets, grouping, added_at, added_by)
  values (v_name, v_kind, v_config, v_secrets, v_grouping, v_now, v_actor)
  on conflict do nothing returning id into v_id;
  if v_id is null then
    raise exception 'there is a channel % already', v_name using errcode = 'BA052';
  end if;
  perform log_event('CHANNEL_ADDED', format('%s added channel %s (%s).', v_actor, v_name, v_kind), v_now, v_actor => v_actor);
  return v_id;
end
$$;

-- Gives a channel another configuration, secrets included. What waits for it is tried at once. Error: BA051 no such channel.
create or replace function set_channel(v_name text, v_config jsonb, v_secrets bytea, v_actor text, v_now timestamptz default clock_timestamp())
returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_channel channel%rowtype;
begin
  select * into v_channel from locked_channel(v_name);
  update channel set config = v_config, secrets = v_secrets, retry_at = null where id = v_channel.id;
  perform log_event('CHANNEL_CHANGED', format('%s changed channel %s (%s).', v_actor, v_name, v_channel.kind), v_now, v_actor => v_actor);
  perform queue_sending(v_channel.id, v_now);
end
$$;

-- Removes a channel, its secrets and its rules. What waits for it is never sent; its deliveries stay.
-- Error: BA051 no such channel.
create or replace function remove_channel(v_name text, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_channel channel%rowtype;
begin
  select * into v_channel from locked_channel(v_name);
  delete from notification_rule where channel_id = v_channel.id;
  update channel set removed_at = v_now, secrets = null, config = '{}' where id = v_channel.id;
  update notification set state = 'withdrawn' where channel_id = v_channel.id and state in ('queued', 'sending');
  perform clear_channel_failing(v_channel, 'it was removed', v_now);
  perform log_event('CHANNEL_REMOVED', format('%s removed channel %s (%s).', v_actor, v_name, v_channel.kind), v_now, v_actor => v_actor);
end
$$;

-- The channel of that name, locked. Error: BA051 no such channel.
create or replace function locked_channel(v_name text) returns channel
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_channel channel%rowtype;
begin
  select * into v_channel from channel where name = v_name and removed_at is null for no key update;
  if not found then
    raise exception 'there is no channel %', to_json(shortened(v_name, 100)) using errcode = 'BA051';
  end if;
  return v_channel;
end
$$;
