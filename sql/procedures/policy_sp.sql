-- The options that decide states, as one row of usable types.
--   alert_period   P of an engine's scope that has none of its own
--   disabled_since when the feature was disabled; null: it is enabled
create or replace function policy()
returns table (enabled boolean, check_period interval, alert_period interval, full_scopes text[], stalled_after interval,
               disabled_since timestamptz)
language sql stable rows 1 set search_path = backup_awareness, pg_temp as $$
  select o.check_period_hours <> -1,
         make_interval(hours => o.check_period_hours),
         make_interval(hours => 24 * o.alert_period_days),
         o.full_scopes,
         make_interval(hours => o.stalled_after_hours),
         case when o.check_period_hours = -1 then o.check_period_changed_at end
  from (
    select max(coalesce(value, default_value)::text) filter (where name = 'BackupCheckPeriodInHours')::integer as check_period_hours,
           max(changed_at) filter (where name = 'BackupCheckPeriodInHours') as check_period_changed_at,
           max(coalesce(value, default_value)::text) filter (where name = 'BackupAlertPeriodInDays')::integer as alert_period_days,
           max(coalesce(value, default_value)::text) filter (where name = 'BackupStalledAfterHours')::integer as stalled_after_hours,
           array(select jsonb_array_elements_text(coalesce(value, default_value)) from option where name = 'BackupFullScopes') as full_scopes
    from option
  ) o
$$;

-- Options are locked before engines, and engines in the order of their names: one order, no deadlock.
-- Reports, checks and changes of an engine share the options; setting one has them alone.
create or replace function share_options() returns void
language sql set search_path = backup_awareness, pg_temp as $$
  select pg_advisory_xact_lock_shared(hashtextextended('backup_awareness.option', 0))
$$;

-- Waits for the reports under way, never in a way that keeps others waiting behind it for longer than a tenth of a
-- second: somebody may have left a report's transaction open. Gives up after v_patience: SQLSTATE 55P03.
create or replace function lock_options(v_patience interval default '15 seconds') returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_key constant bigint := hashtextextended('backup_awareness.option', 0);
  v_former_timeout constant text := current_setting('lock_timeout');
  v_deadline constant timestamptz := clock_timestamp() + v_patience;
begin
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
