-- A statement in a function of language sql is planned anew at every call; what runs with every report is plpgsql, whose
-- plans are kept, or is simple enough to be inlined into its caller: then without a search_path of its own, which would
-- forbid that.

-- The options that decide states, as one row of usable types.
create or replace function policy() returns policy_in_force
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
declare
  v_option record;
  v_policy policy_in_force;
begin
  for v_option in
    select name, coalesce(value, default_value) as value, changed_at from option
    where name in ('BackupCheckPeriodInHours', 'BackupAlertPeriodInDays', 'BackupStalledAfterHours', 'BackupFullScopes')
  loop
    case v_option.name
      when 'BackupCheckPeriodInHours' then
        v_policy.is_enabled := v_option.value <> '-1';
        v_policy.check_period := make_interval(hours => v_option.value::integer);
        v_policy.disabled_since := case when not v_policy.is_enabled then v_option.changed_at end;
      when 'BackupAlertPeriodInDays' then
        v_policy.alert_period := make_interval(hours => 24 * v_option.value::integer);
      when 'BackupStalledAfterHours' then
        v_policy.stalled_after := make_interval(hours => v_option.value::integer);
      when 'BackupFullScopes' then
        v_policy.full_scopes := array(select jsonb_array_elements_text(v_option.value));
    end case;
  end loop;
  return v_policy;
end
$$;

-- Options are locked before engines, and engines in the order of their names: one order, no deadlock.
-- Reports, checks and changes of an engine share the options; setting one has them alone. Returns the policy, which
-- nobody changes before this transaction ends. A transaction whose snapshot may be older than the lock (repeatable read,
-- serializable) fails with SQLSTATE 40001 where an option has been changed since.
create or replace function share_policy() returns policy_in_force
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('backup_awareness.option', 0));
  if has_lasting_snapshot() then
    perform from option for share;
  end if;
  return policy();
end
$$;

-- Whether all statements of this transaction see one moment, which may lie before its locks. What it has locked may then
-- have been changed by others without its seeing that: it must ask by locks that fail.
create or replace function has_lasting_snapshot() returns boolean
language sql stable as $$
  select current_setting('transaction_isolation') in ('repeatable read', 'serializable')
$$;

-- Waits for the reports under way, never in a way that keeps others waiting behind it for longer than a tenth of a
-- second: somebody may have left a report's transaction open. Gives up after v_patience: SQLSTATE 55P03. Refuses a
-- transaction that would not see what was reported before it got the lock: SQLSTATE 25001.
create or replace function lock_options(v_patience interval default '15 seconds') returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_key constant bigint := hashtextextended('backup_awareness.option', 0);
  v_former_timeout constant text := current_setting('lock_timeout');
  v_deadline constant timestamptz := clock_timestamp() + v_patience;
begin
  if has_lasting_snapshot() then
    raise exception 'an option cannot be set in a transaction of isolation level %', current_setting('transaction_isolation') using
      errcode = 'active_sql_transaction',
      hint = 'Use the isolation level "read committed".';
  end if;
  perform set_config('lock_timeout', '100ms', true);
  loop
    begin
      perform pg_advisory_xact_lock(v_key);
      exit;
    exception when lock_not_available then
      if clock_timestamp() > v_deadline then
        raise exception 'the options are held by a report whose transaction has been open for more than %', v_patience using
          errcode = 'lock_not_available',
          hint = 'Find it in pg_stat_activity (state "idle in transaction") and end it.';
      end if;
    end;
    perform pg_sleep(0.05);
  end loop;
  perform set_config('lock_timeout', v_former_timeout, true);
end
$$;
