-- Users and how they sign in. Secrets come here as hashes; whoever calls has made and checked them. Every change is an event that
-- names who made it.

-- Errors: 22023 a name or role that cannot be, or a name that is taken.
create or replace function add_user(v_name text, v_role text, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  if v_name is null or v_name !~ '^[a-z0-9][a-z0-9._@-]{0,63}$' then
    perform refuse_argument('v_name', v_name, 'is not a user''s name (small letters, digits, and . _ @ - after the first; at most 64)');
  end if;
  if v_role is null or v_role not in ('viewer', 'operator', 'admin') then
    perform refuse_argument('v_role', v_role, 'is none of viewer, operator, admin');
  end if;
  insert into user_account (name, role, created_at) values (v_name, v_role, v_now) on conflict do nothing;
  if not found then
    perform refuse_argument('v_name', v_name, 'is taken');
  end if;
  perform log_event('USER_ADDED', format('%s added user %s as %s.', v_actor, v_name, v_role), v_now, v_actor => v_actor);
end
$$;

-- Changes a user; what is null stays. A user who is disabled is signed out everywhere. Errors: BA042 no such user; 22023 nobody
-- who may administer would be left.
create or replace function change_user(v_name text, v_role text, v_is_disabled boolean, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_user user_account;
begin
  lock table user_account in share row exclusive mode; -- two admins must not remove each other
  v_user := locked_user(v_name);
  if v_role is not null and v_role not in ('viewer', 'operator', 'admin') then
    perform refuse_argument('v_role', v_role, 'is none of viewer, operator, admin');
  end if;
  update user_account set role = coalesce(v_role, role), is_disabled = coalesce(v_is_disabled, is_disabled) where name = v_name;
  if v_user.role = 'admin' and not v_user.is_disabled
     and not exists (select from user_account where role = 'admin' and not is_disabled) then
    perform refuse_argument('v_name', v_name, 'is the last admin: name another one first');
  end if;
  if v_role <> v_user.role then
    perform log_event('USER_CHANGED', format('%s made user %s %s; he was %s.', v_actor, v_name, v_role, v_user.role), v_now, v_actor => v_actor);
  end if;
  if v_is_disabled <> v_user.is_disabled then
    perform log_event('USER_CHANGED', format('%s %s user %s.', v_actor, case when v_is_disabled then 'disabled' else 'enabled' end, v_name), v_now, v_actor => v_actor);
  end if;
  if v_is_disabled then
    delete from user_session where user_name = v_name;
    delete from password_link where user_name = v_name;
  end if;
end
$$;

-- Error: BA042 no such user.
create or replace function locked_user(v_name text) returns user_account
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_user user_account;
begin
  select * into v_user from user_account where name = v_name for update;
  if not found then
    raise exception 'there is no user %', to_json(shortened(v_name, 64)) using errcode = 'BA042';
  end if;
  return v_user;
end
$$;

-- Sets a password. All sessions end but v_kept_session; links that were not used are void. Error: BA042 no such user.
create or replace function set_password(v_name text, v_password_hash text, v_kept_session bytea, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  perform locked_user(v_name);
  update user_account set password_hash = v_password_hash where name = v_name;
  delete from user_session where user_name = v_name and token_hash is distinct from v_kept_session;
  delete from password_link where user_name = v_name;
  delete from login_failure where kind = 'user' and key = v_name;
  perform log_event('USER_PASSWORD_SET', format('%s set the password of user %s.', v_actor, v_name), v_now, v_actor => v_actor);
end
$$;

-- A link that sets the user's password, once, until then; it voids those made before. Error: BA042 no such user; 22023 he is disabled.
create or replace function make_password_link(v_name text, v_hash bytea, v_expires_at timestamptz, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_user constant user_account := locked_user(v_name);
begin
  if v_user.is_disabled then
    perform refuse_argument('v_name', v_name, 'is disabled');
  end if;
  delete from password_link where user_name = v_name or expires_at <= v_now;
  insert into password_link values (v_hash, v_name, v_expires_at);
  perform log_event('USER_PASSWORD_LINK_MADE', format('%s made a link by which user %s sets a password, valid until %s.', v_actor, v_name, told_time(v_expires_at)), v_now, v_actor => v_actor);
end
$$;

-- Uses a link up: whose it is; null: there is none of that hash that is valid.
create or replace function use_password_link(v_hash bytea, v_now timestamptz default clock_timestamp()) returns text
language sql security definer set search_path = backup_awareness, pg_temp as $$
  delete from password_link l using user_account u
  where l.token_hash = v_hash and l.expires_at > v_now and u.name = l.user_name and not u.is_disabled
  returning l.user_name
$$;

-- Signs a user in. Error: BA042 no such user.
create or replace function open_session(v_name text, v_hash bytea, v_expires_at timestamptz, v_address text, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  perform locked_user(v_name);
  delete from user_session where expires_at <= v_now;
  insert into user_session values (v_hash, v_name, v_now, v_now, v_expires_at, v_address);
  update user_account set last_login_at = v_now where name = v_name;
  delete from login_failure where kind = 'user' and key = v_name;
  perform log_event('USER_SIGNED_IN', format('%s signed in.', v_actor), v_now, v_actor => v_actor);
end
$$;

-- The session of that hash, if it is valid now; notes that it is used, once a minute. v_idle: how long it may rest.
create or replace function use_session(v_hash bytea, v_idle interval, v_now timestamptz default clock_timestamp())
returns table (name text, role text, has_password boolean, has_second_factor boolean, expires_at timestamptz)
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_session user_session%rowtype;
begin
  select * into v_session from user_session s where s.token_hash = v_hash and s.expires_at > v_now and s.seen_at > v_now - v_idle;
  if not found then
    return;
  end if;
  if v_session.seen_at < v_now - interval '1 minute' then
    update user_session s set seen_at = v_now
    where s.token_hash = (select l.token_hash from user_session l where l.token_hash = v_hash for no key update skip locked);
  end if;
  return query
  select u.name, u.role, u.password_hash is not null, u.totp_secret is not null, v_session.expires_at
  from user_account u where u.name = v_session.user_name and not u.is_disabled;
end
$$;

-- Ends one session (v_hash), or all of a user. Error: BA042 no such user.
create or replace function close_sessions(v_name text, v_hash bytea, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  perform locked_user(v_name);
  delete from user_session where user_name = v_name and (v_hash is null or token_hash = v_hash);
  perform log_event('USER_SIGNED_OUT', format('%s signed user %s out%s.', v_actor, v_name, case when v_hash is null then ' everywhere' else '' end), v_now, v_actor => v_actor);
end
$$;

-- How long a sign-in of that user from that address has to wait: nothing at first, then longer with every failure. Failures are
-- forgotten an hour after the last. An address may fail more often than a user: many may share it.
create or replace function login_wait(v_name text, v_address text, v_now timestamptz default clock_timestamp()) returns interval
language sql stable security definer set search_path = backup_awareness, pg_temp as $$
  select coalesce(max(greatest(interval '0', f.last_at + login_pause(f.kind, f.failures) - v_now)), interval '0')
  from login_failure f
  where ((f.kind = 'user' and f.key = v_name) or (f.kind = 'address' and f.key = v_address)) and f.last_at > v_now - interval '1 hour'
$$;

-- A second after the fifth failure, doubled with each that follows, up to five minutes.
create or replace function login_pause(v_kind text, v_failures integer) returns interval
language sql immutable as $$
  select case when v_failures < f.free then interval '0'
              else least(interval '1 second' * power(2, least(v_failures - f.free, 10)), interval '5 minutes') end
  from (select case v_kind when 'user' then 5 else 20 end as free) f
$$;

-- Notes a failed sign-in. It is an event at the fifth failure, and at each doubling: nobody can fill the log by failing.
create or replace function note_login_failure(v_name text, v_address text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_failures integer;
begin
  delete from login_failure where last_at < v_now - interval '1 hour';
  insert into login_failure as f values ('user', v_name, 1, v_now), ('address', v_address, 1, v_now)
  on conflict (kind, key) do update set failures = f.failures + 1, last_at = v_now;
  select failures into v_failures from login_failure where kind = 'user' and key = v_name;
  if v_failures in (5, 10, 20, 40, 80, 160) then
    perform log_event('USER_SIGN_IN_FAILED',
                      format('Signing in as %s failed %s times, the last time from %s.', to_json(shortened(v_name, 64)), v_failures, v_address), v_now);
  end if;
end
$$;

-- Offers a second factor, to be confirmed by a code. Error: BA042 no such user.
create or replace function offer_second_factor(v_name text, v_secret text) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  perform locked_user(v_name);
  update user_account set totp_offer = v_secret where name = v_name;
end
$$;

-- From now on it is asked for. v_code_hashes: of the recovery codes. Returns whether there was an offer.
create or replace function confirm_second_factor(v_name text, v_step bigint, v_code_hashes bytea[], v_actor text, v_now timestamptz default clock_timestamp()) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  perform locked_user(v_name);
  update user_account set totp_secret = totp_offer, totp_offer = null, totp_last_step = v_step where name = v_name and totp_offer is not null;
  if not found then
    return false;
  end if;
  delete from recovery_code where user_name = v_name;
  insert into recovery_code select distinct v_name, h from unnest(v_code_hashes) h;
  perform log_event('USER_SECOND_FACTOR_CHANGED', format('%s set up a second factor for user %s.', v_actor, v_name), v_now, v_actor => v_actor);
  return true;
end
$$;

create or replace function remove_second_factor(v_name text, v_actor text, v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
declare
  v_user constant user_account := locked_user(v_name);
begin
  if v_user.totp_secret is null then
    return;
  end if;
  update user_account set totp_secret = null, totp_offer = null where name = v_name;
  delete from recovery_code where user_name = v_name;
  perform log_event('USER_SECOND_FACTOR_CHANGED', format('%s removed the second factor of user %s.', v_actor, v_name), v_now, v_actor => v_actor);
end
$$;

-- Takes a code's step, once: returns false where it, or a later one, was taken before.
create or replace function take_totp_step(v_name text, v_step bigint) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  update user_account set totp_last_step = v_step where name = v_name and totp_last_step < v_step;
  return found;
end
$$;

-- Takes a recovery code, once.
create or replace function take_recovery_code(v_name text, v_hash bytea, v_actor text, v_now timestamptz default clock_timestamp()) returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp as $$
begin
  delete from recovery_code where user_name = v_name and code_hash = v_hash;
  if not found then
    return false;
  end if;
  perform log_event('USER_SECOND_FACTOR_CHANGED', format('%s used a recovery code of user %s.', v_actor, v_name), v_now, v_actor => v_actor);
  return true;
end
$$;
