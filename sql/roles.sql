-- The roles of Backup Awareness, which belong to the whole server. Run before the migrations, every time; a superuser
-- may do all of it, and a role with CREATEROLE too.
--
--   backup_awareness_owner   no login; owns every object of the schema and the job queue, and runs the migrations
--   backup_awareness         the daemon and the operators' commands: reads, calls procedures, takes jobs from the queue
--   backup_reporter          may call LogEngineBackupEvent and nothing else
do $roles$
declare
  -- Since PostgreSQL 16 a role that made another is its member, and may nevertheless not act as it.
  v_acts_as constant text := case when pg_catalog.current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end;
  v_role text;
begin
  foreach v_role in array array['backup_awareness_owner', 'backup_awareness', 'backup_reporter'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      begin
        execute format('create role %I nologin', v_role);
      exception when duplicate_object or unique_violation then
        null; -- another database of this server is being set up at the same time
      end;
    end if;
  end loop;

  -- Whoever migrates acts as both.
  foreach v_role in array array['backup_awareness_owner', 'backup_awareness'] loop
    if not (select rolsuper from pg_catalog.pg_roles where rolname = session_user)
       and session_user <> v_role
       and not pg_catalog.pg_has_role(session_user, v_role, v_acts_as) then
      execute format('grant %I to %I', v_role, session_user);
    end if;
  end loop;
end
$roles$;
