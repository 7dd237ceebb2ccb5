-- Raises and clears the alerts of these engines that follow from the lists of their backup tools. The caller has locked
-- the options and the engines.
create or replace function settle_imports(v_fqdns varchar[], v_policy policy_in_force, v_now timestamptz, out raised bigint[], out cleared bigint[])
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  raised := '{}';
  cleared := '{}';
  if not exists (select from importer i where i.fqdn = any (v_fqdns))
     and not exists (select from alert a where a.fqdn = any (v_fqdns) and a.cleared_at is null and a.type = any (import_alert_types())) then
    return;
  end if;
  with wanted as (
    select distinct i.fqdn, i.scope, w.type
    from importer i
    cross join lateral (
      values ('ENGINE_IMPORT_FAILED', i.fault is not null),
             ('ENGINE_REPOSITORY_STANDS_STILL', i.stands_still),
             ('ENGINE_BACKUP_NOT_LISTED', i.not_listed_backup_id is not null or i.disputed_archive is not null),
             ('ENGINE_BACKUP_GONE', i.gone_archive is not null),
             ('ENGINE_BACKUP_UNREPORTED', i.unreported_archive is not null)
    ) w(type, holds)
    where i.fqdn = any (v_fqdns) and w.holds and v_policy.is_enabled
  ), cleared_alert as (
    update alert a set cleared_at = v_now
    where a.fqdn = any (v_fqdns) and a.cleared_at is null
      and a.type = any (import_alert_types())
      and not exists (select from wanted w where w.fqdn = a.fqdn and w.scope = a.scope and w.type = a.type)
    returning a.id, a.fqdn, a.scope, a.type
  ), raised_alert as (
    insert into alert (fqdn, scope, type, raised_at)
    select w.fqdn, w.scope, w.type, v_now from wanted w
    where not exists (select from alert a where a.fqdn = w.fqdn and a.scope = w.scope and a.type = w.type and a.cleared_at is null)
    order by w.fqdn, w.scope, w.type
    returning id
  ), logged as (
    insert into audit_log (log_time, log_type, log_type_name, severity, message, fqdn, scope, alert_id)
    select v_now, y.code, y.name, y.severity,
           format('The alert %s of scope %s of engine %s is cleared: %s.', c.type, c.scope, c.fqdn,
                  case when v_policy.is_enabled then 'its cause is gone' else 'the feature is disabled' end),
           c.fqdn, c.scope, c.id
    from cleared_alert c join event_type y on y.name = 'ENGINE_ALERT_CLEARED'
    order by c.fqdn, c.scope, c.type
  )
  select array(select id from cleared_alert), array(select id from raised_alert) into cleared, raised;
  if cardinality(raised) > 0 then
    perform log_raised_alerts(raised, v_policy, v_now);
  end if;
end
$$;

create or replace function import_alert_types() returns text[]
language sql immutable as $$
  select array['ENGINE_IMPORT_FAILED', 'ENGINE_REPOSITORY_STANDS_STILL', 'ENGINE_BACKUP_NOT_LISTED', 'ENGINE_BACKUP_GONE', 'ENGINE_BACKUP_UNREPORTED']
$$;

-- What an alert that follows from a tool's list says: which of the two says what, and what to do.
create or replace function import_alert_message(v_type text, v_fqdn varchar, v_scope varchar) returns text
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
declare
  v_importer importer%rowtype;
  v_backup backup%rowtype;
begin
  select i.* into v_importer from importer i
  where i.fqdn = v_fqdn and i.scope = v_scope
    and case v_type
      when 'ENGINE_IMPORT_FAILED' then i.fault is not null
      when 'ENGINE_REPOSITORY_STANDS_STILL' then i.stands_still
      when 'ENGINE_BACKUP_NOT_LISTED' then i.not_listed_backup_id is not null or i.disputed_archive is not null
      when 'ENGINE_BACKUP_GONE' then i.gone_archive is not null
      when 'ENGINE_BACKUP_UNREPORTED' then i.unreported_archive is not null
    end
  order by i.name limit 1;
  case v_type
    when 'ENGINE_IMPORT_FAILED' then
      return format('The importer %s (%s) of scope %s of engine %s does not work since %s: %s. What its repository holds is not known. '
                    'Call the tool by hand, as the user who runs the daemon.',
                    v_importer.name, v_importer.kind, v_scope, v_fqdn, told_time(v_importer.failing_since), v_importer.fault);
    when 'ENGINE_REPOSITORY_STANDS_STILL' then
      return format('The newest backup of scope %s of engine %s that the importer %s (%s) finds %s. Look whether the tool still runs.',
                    v_scope, v_fqdn, v_importer.name, v_importer.kind,
                    coalesce('is of ' || told_time(v_importer.newest_at) || ': ' || v_importer.newest_archive, 'does not exist: its list is empty'));
    when 'ENGINE_BACKUP_GONE' then
      return format('The newest backup of scope %s of engine %s, %s of %s, is gone: the importer %s (%s) listed it, does so no longer, and there is no newer one. '
                    'Look who removed it, and make a backup now.',
                    v_scope, v_fqdn, v_importer.gone_archive, told_time(v_importer.gone_at), v_importer.name, v_importer.kind);
    when 'ENGINE_BACKUP_UNREPORTED' then
      return format('The importer %s (%s) finds the backup %s of %s of scope %s of engine %s, which nobody has reported, although its backups are reported otherwise. '
                    'Look whether its reports get through.',
                    v_importer.name, v_importer.kind, v_importer.unreported_archive, told_time(v_importer.newest_at), v_scope, v_fqdn);
    when 'ENGINE_BACKUP_NOT_LISTED' then
      if v_importer.not_listed_backup_id is null then
        return format('The backup %s of scope %s of engine %s was reported as completed, but the importer %s (%s) says that it failed or is incomplete. '
                      'Trust the list, and make a backup now.',
                      v_importer.disputed_archive, v_scope, v_fqdn, v_importer.name, v_importer.kind);
      end if;
      select b.* into v_backup from backup b where b.id = v_importer.not_listed_backup_id;
      return format('%s reported a completed backup of scope %s of engine %s at %s%s, but the importer %s (%s) does not find it in its repository%s. '
                    'Look whether both mean the same repository.',
                    coalesce(v_backup.tool, 'Somebody'), v_scope, v_fqdn, told_time(v_backup.done_at), coalesce(' (' || v_backup.archive || ')', ''),
                    v_importer.name, v_importer.kind,
                    coalesce('; the newest there is of ' || told_time(v_importer.newest_at), ', which is empty'));
  end case;
end
$$;
