-- Queues what an event is to be told by: called once for every statement that adds to audit_log, in its transaction, so
-- that an alert is never raised without its notification. Costs a report that nobody is to be told of one look at an
-- index. An event that belongs to an alert of its own type has raised it; one that belongs to an alert that is cleared
-- has cleared it, which is told to those who heard, or may hear, of the alert.
--
-- No job has a key: two reports that queue under one key would wait for each other's transactions.
create or replace function queue_notifications() returns trigger
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_queued record;
begin
  if not exists (select from channel where removed_at is null) then
    return null;
  end if;
  for v_queued in
    with queued as (
      insert into notification (channel_id, kind, alert_id, event_id, fqdn, queued_at, due_at, reminder_hours)
      (
        select distinct on (e.id, r.channel_id)
               r.channel_id, case when a.id is null then 'event' else 'raised' end, a.id, e.id, e.fqdn, e.log_time,
               e.log_time + case when r.after_hours is null then grouping_window() else make_interval(hours => r.after_hours) end,
               case when a.id is not null then min(r.reminder_hours) over (partition by e.id, r.channel_id) end
        from new_event e
        left join alert a on a.id = e.alert_id and a.type = e.log_type_name
        join notification_rule r on is_told(r, e.log_type_name, e.severity, e.fqdn)
        join channel c on c.id = r.channel_id
        where (r.after_hours is null or a.id is not null)
          and not (e.log_type_name = 'CHANNEL_FAILING' and e.scope is not distinct from c.name)
        order by e.id, r.channel_id, r.after_hours nulls first
      )
      union all
      select n.channel_id, 'cleared', a.id, e.id, e.fqdn, e.log_time, e.log_time + grouping_window(), null
      from new_event e
      join alert a on a.id = e.alert_id and a.cleared_at is not null
      join notification n on n.alert_id = a.id and n.kind = 'raised' and (n.told or n.state in ('queued', 'sending'))
      join channel c on c.id = n.channel_id and c.removed_at is null
      on conflict do nothing
      returning channel_id, due_at
    )
    select distinct channel_id, due_at from queued
  loop
    perform queue_sending(v_queued.channel_id, v_queued.due_at);
  end loop;
  return null;
end
$$;

drop trigger if exists audit_log_queues_notifications on audit_log;
create trigger audit_log_queues_notifications after insert on audit_log
  referencing new table as new_event for each statement execute function queue_notifications();

-- How long a message waits for others that it can be told with.
create or replace function grouping_window() returns interval
language sql immutable as $$
  select interval '5 seconds'
$$;

-- Whether a rule speaks of an event. What the sending of notifications itself logs is told by CHANNEL_FAILING alone: a
-- message about a lost message could be lost in turn, for ever.
create or replace function is_told(v_rule notification_rule, v_type text, v_severity integer, v_fqdn varchar) returns boolean
language sql immutable as $$
  select v_severity >= v_rule.minimum_severity
     and (v_rule.types = '{}' or v_type = any (v_rule.types))
     and v_type <> 'NOTIFICATION_LOST'
     and backup_awareness.is_named(v_rule.engines, v_fqdn)
$$;

-- Whether one of these patterns, or none at all, names an engine. null: no engine in particular, which only * names.
create or replace function is_named(v_patterns text[], v_fqdn varchar) returns boolean
language sql immutable as $$
  select v_patterns = '{}' or exists (
    select from unnest(v_patterns) p
    where coalesce(v_fqdn, '') like translate(replace(replace(replace(p, '\', '\\'), '%', '\%'), '_', '\_'), '*?', '%_')
  )
$$;

-- Puts a job into the queue that sends what waits for a channel.
create or replace function queue_sending(v_channel_id bigint, v_run_at timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  perform graphile_worker.add_job('send_notifications', json_build_object('channel_id', v_channel_id), run_at => v_run_at, max_attempts => 1000);
end
$$;

-- The same, where no such job is queued for an earlier moment.
create or replace function wake_channel(v_channel_id bigint, v_at timestamptz, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  update channel set wake_at = v_at where id = v_channel_id and (wake_at is null or wake_at <= v_now or wake_at > v_at);
  if found then
    perform queue_sending(v_channel_id, v_at);
  end if;
end
$$;

-- Has everything that waits looked at anew: called when a daemon starts, in case jobs were lost.
create or replace function wake_channels(v_now timestamptz default clock_timestamp()) returns void
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
begin
  perform queue_sending(c.id, v_now)
  from channel c
  where exists (select from notification n where n.channel_id = c.id and n.state in ('queued', 'sending'));
end
$$;

-- Withdraws all that waits, and its jobs: for a database that was restored, whose messages are of another day. Returns
-- how many.
create or replace function withdraw_notifications() returns integer
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_withdrawn integer;
begin
  update notification set state = 'withdrawn' where state in ('queued', 'sending');
  get diagnostics v_withdrawn = row_count;
  update delivery set ended_at = clock_timestamp(), outcome = 'interrupted', answer = 'withdrawn' where ended_at is null;
  perform graphile_worker.complete_jobs(array(select id from graphile_worker.jobs where task_identifier = 'send_notifications'));
  update channel set wake_at = null, retry_at = null;
  return v_withdrawn;
end
$$;
