-- Ends a try. What was accepted is done; what was refused for now is queued again, until it has been tried for a day;
-- what was refused for good, or for that long, is given up. A channel that fails becomes an alert, at once where it was
-- refused for good and otherwise after ten minutes, and is cleared by the next message that is accepted: then alerts that
-- were given up and are still open are told after all. Calling it twice does it once. Returns whether it did.
--   v_outcome  accepted, temporary or permanent
--   v_pause    how long the channel is left alone after a temporary failure
--   v_fault    what is wrong though it was accepted: one of several recipients was refused, say
create or replace function finish_delivery(v_delivery_id bigint, v_outcome text, v_answer text, v_pause interval default null,
                                           v_fault text default null, v_now timestamptz default clock_timestamp())
returns boolean
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off set enable_seqscan = off as $$
declare
  v_delivery delivery%rowtype;
  v_channel channel%rowtype;
  v_known bigint;
begin
  select * into v_delivery from delivery where id = v_delivery_id;
  -- Before the try itself: begin_delivery takes them in this order.
  select * into v_channel from channel where id = v_delivery.channel_id for no key update;
  update delivery set ended_at = v_now, outcome = v_outcome, answer = shortened(v_answer, 2000) where id = v_delivery_id and ended_at is null;
  if not found then
    -- It was taken for interrupted. What was accepted needs not be told again.
    if v_outcome = 'accepted' then
      update notification set state = 'accepted', told = kind = 'raised' where delivery_id = v_delivery_id and state = 'queued';
    end if;
    return false;
  end if;

  if v_outcome = 'accepted' then
    update notification set state = 'accepted', told = kind = 'raised' where delivery_id = v_delivery_id;
    update notification r set told = true
    from notification n
    where n.delivery_id = v_delivery_id and n.kind = 'reminder'
      and r.alert_id = n.alert_id and r.channel_id = n.channel_id and r.kind = 'raised' and not r.told;
    perform queue_reminders(v_delivery, v_now);
    perform end_failing(v_channel, v_fault, v_now);
  else
    update notification
    set state = case when v_outcome = 'permanent' or first_tried_at <= v_now - interval '1 day' then 'failed' else 'queued' end
    where delivery_id = v_delivery_id and state = 'sending';
    perform log_lost_notifications(v_delivery, v_channel, v_answer, v_now);
    perform queue_reminders(v_delivery, v_now);
    update channel
    set failures = failures + 1, failing_since = coalesce(failing_since, v_now), fault = shortened(v_answer, 2000),
        retry_at = case when v_outcome = 'temporary' then v_now + v_pause end
    where id = v_channel.id
    returning * into v_channel;
    if v_outcome = 'permanent' or v_channel.failing_since <= v_now - interval '10 minutes' then
      perform raise_channel_failing(v_channel, v_now);
    end if;
  end if;
  return true;
end
$$;

-- Queues the next reminder of the alerts that this try has told, or has given up to tell.
create or replace function queue_reminders(v_delivery delivery, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_due_at timestamptz;
begin
  for v_due_at in
    with queued as (
      insert into notification (channel_id, kind, alert_id, event_id, fqdn, queued_at, due_at, reminder_hours, incident)
      select channel_id, 'reminder', alert_id, event_id, fqdn, v_now, v_now + make_interval(hours => reminder_hours), reminder_hours, incident
      from notification
      where delivery_id = v_delivery.id and state in ('accepted', 'failed') and kind in ('raised', 'reminder') and reminder_hours is not null
      on conflict do nothing
      returning due_at
    )
    select distinct due_at from queued
  loop
    perform queue_sending(v_delivery.channel_id, v_due_at);
  end loop;
end
$$;

-- Says in the audit log what nobody was told.
create or replace function log_lost_notifications(v_delivery delivery, v_channel channel, v_answer text, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_lost bigint;
begin
  select count(*) into v_lost from notification where delivery_id = v_delivery.id and state = 'failed';
  if v_lost > 0 then
    perform log_event('NOTIFICATION_LOST',
                      format('%s of channel %s could not be delivered and %s given up: %s',
                             case v_lost when 1 then 'A notification' else v_lost || ' notifications' end, v_channel.name,
                             case v_lost when 1 then 'is' else 'are' end, shortened(v_answer, 1000)),
                      v_now);
  end if;
end
$$;

-- A channel's message was accepted: what failed before is over, unless v_fault says what is still wrong.
create or replace function end_failing(v_channel channel, v_fault text, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  if v_channel.failing_since is null and v_fault is null then
    update channel set accepted_at = v_now, failures = 0, retry_at = null where id = v_channel.id;
    return;
  end if;
  update channel
  set failures = 0, retry_at = null, accepted_at = v_now, fault = shortened(v_fault, 2000),
      failing_since = case when v_fault is not null then coalesce(failing_since, v_now) end
  where id = v_channel.id returning * into v_channel;
  if v_fault is not null then
    perform raise_channel_failing(v_channel, v_now);
    return;
  end if;
  perform clear_channel_failing(v_channel, 'its messages are accepted', v_now);
  update notification n set state = 'queued', first_tried_at = null
  from alert a
  where n.channel_id = v_channel.id and n.kind = 'raised' and n.state = 'failed'
    and a.id = n.alert_id and a.cleared_at is null and a.dismissed_at is null;
  if found then
    perform queue_sending(v_channel.id, v_now);
  end if;
end
$$;

-- Raises CHANNEL_FAILING, unless it is open: an alert of this database's own engine whose scope is the channel's name. The
-- others tell of it.
create or replace function raise_channel_failing(v_channel channel, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_alert alert%rowtype;
begin
  if v_channel.removed_at is not null or exists (select from alert where type = 'CHANNEL_FAILING' and scope = v_channel.name and cleared_at is null) then
    return;
  end if;
  insert into alert (fqdn, scope, type, raised_at)
  select i.own_fqdn, v_channel.name, 'CHANNEL_FAILING', v_now from installation i where i.own_fqdn is not null
  on conflict do nothing returning * into v_alert;
  if found then
    perform log_event('CHANNEL_FAILING', alert_message(v_alert.type, v_alert.fqdn, v_alert.scope), v_now, v_alert.fqdn, v_alert.scope, v_alert.id);
  end if;
end
$$;

create or replace function clear_channel_failing(v_channel channel, v_reason text, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_alert alert%rowtype;
begin
  for v_alert in
    update alert set cleared_at = v_now where type = 'CHANNEL_FAILING' and scope = v_channel.name and cleared_at is null returning *
  loop
    perform log_event('ENGINE_ALERT_CLEARED', format('The alert CHANNEL_FAILING of channel %s is cleared: %s.', v_channel.name, v_reason),
                      v_now, v_alert.fqdn, v_alert.scope, v_alert.id);
  end loop;
end
$$;

-- Begins a try of a message that an administrator asked for, to see whether the channel works. Error: BA051 no such channel.
create or replace function begin_test_delivery(v_name text, v_now timestamptz default clock_timestamp()) returns bigint
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off as $$
declare
  v_id bigint;
begin
  insert into delivery (channel_id, channel_name, kind, notification_ids, try, begun_at)
  select c.id, c.name, 'test', '{}', 1, v_now from locked_channel(v_name) c
  returning id into v_id;
  return v_id;
end
$$;
