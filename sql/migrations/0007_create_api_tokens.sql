create table api_token (
  id bigint generated always as identity primary key,
  name text not null,
  kind text not null check (kind in ('report', 'read', 'admin')),
  engine varchar(255) check ((engine is not null) = (kind = 'report')),
  prefix text not null,
  token_hash bytea not null unique,
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  last_used_from text
);
comment on table api_token is 'Keys for scripts. Revoked and expired ones stay, so that an auditor sees whose they were.';
comment on column api_token.engine is 'What a report token may report for: an engine, or a pattern in which * is any characters.';
comment on column api_token.token_hash is 'SHA-256. The token itself is 256 random bits and is known to nobody but its holder.';
comment on column api_token.last_used_at is 'To a minute: a use within a minute of the one before is not noted.';
