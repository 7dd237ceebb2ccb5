create table user_account (
  name text primary key,
  role text not null check (role in ('viewer', 'operator', 'admin')),
  password_hash text,
  totp_secret text,
  totp_offer text,
  totp_last_step bigint not null default 0,
  is_disabled boolean not null default false,
  created_at timestamptz not null,
  last_login_at timestamptz
);
comment on table user_account is 'Who may sign in. A user is disabled, never removed: the audit log names him.';
comment on column user_account.password_hash is 'In PHC form: $scrypt$ln=17,r=8,p=1$salt$hash; null: none was set yet.';
comment on column user_account.totp_secret is 'Base 32; null: no second factor.';
comment on column user_account.totp_offer is 'A secret that has not been confirmed by a code yet.';
comment on column user_account.totp_last_step is 'The step of the last code that was taken: each code works once.';

create table user_session (
  token_hash bytea primary key,
  user_name text not null references user_account on delete cascade,
  opened_at timestamptz not null,
  seen_at timestamptz not null,
  expires_at timestamptz not null,
  address text not null
);
comment on table user_session is 'Who is signed in. The cookie holds 256 random bits; here is their SHA-256.';
create index user_session_of_user on user_session (user_name);
create index user_session_by_expiry on user_session (expires_at);

create table password_link (
  token_hash bytea primary key,
  user_name text not null references user_account on delete cascade,
  expires_at timestamptz not null
);
comment on table password_link is 'One-time links that set a password.';

create table recovery_code (
  user_name text not null references user_account on delete cascade,
  code_hash bytea not null,
  primary key (user_name, code_hash)
);
comment on table recovery_code is 'Each stands in for the second factor once.';

create table login_failure (
  kind text not null check (kind in ('address', 'user')),
  key text not null,
  failures integer not null,
  last_at timestamptz not null,
  primary key (kind, key)
);
comment on table login_failure is 'Failed sign-ins of the last hour: each makes the next wait longer.';
