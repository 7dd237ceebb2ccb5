-- The parts of a name that it is found by: every run of one, two and three characters in it.
create or replace function name_parts(v_name varchar) returns text[]
language sql immutable strict parallel safe set search_path = backup_awareness, pg_temp as $$
  select array(
    select distinct substr(v_name, i, n)
    from generate_series(1, char_length(v_name)) i, generate_series(1, 3) n
    where i + n - 1 <= char_length(v_name)
  )
$$;

-- The index is made here, since it needs the function, which is replaced at every upgrade; an index that is there stays.
create index if not exists engine_name_parts on engine_name using gin (name_parts(fqdn));

create or replace function note_engine_name() returns trigger
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  insert into engine_name (fqdn) values (new.fqdn);
  return null;
end
$$;

drop trigger if exists engine_has_name on engine;
create trigger engine_has_name after insert on engine for each row execute function note_engine_name();
