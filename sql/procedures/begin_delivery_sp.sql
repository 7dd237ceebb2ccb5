-- Begins the next try for a channel: picks what is told together, and writes the try down before it is made. Called again
-- and again by the job that sends, until there is nothing left: then delivery_id is null, and if something has to wait, a
-- job is queued for its time. What is cleared or dismissed is withdrawn; alerts that another transaction is about to
-- change are left for the next time. So no try for a cleared alert begins after its clearing.
create or replace function begin_delivery(v_channel_id bigint, v_job_id bigint, v_now timestamptz default clock_timestamp(),
                                          out delivery_id bigint, out kind text, out notification_ids bigint[], out try integer,
                                          out incident bigint)
language plpgsql security definer set search_path = backup_awareness, pg_temp set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_channel channel%rowtype;
  v_recent record;
  v_wait_until timestamptz;
  v_kind text;
  v_due bigint[];
  v_picked bigint[];
begin
  -- One at a time. It does not keep reports waiting.
  select * into v_channel from channel c where c.id = v_channel_id for no key update;
  if not found or v_channel.removed_at is not null then
    update notification n set state = 'withdrawn' where n.channel_id = v_channel_id and n.state = 'queued';
    return;
  end if;
  perform end_interrupted_deliveries(v_channel_id, v_job_id, v_now);
  if v_channel.retry_at > v_now then
    perform wake_channel(v_channel_id, v_channel.retry_at, v_now);
    return;
  end if;
  perform withdraw_settled_notifications(v_channel_id, v_now);
  perform hold_for_maintenance(v_channel_id, v_now);

  select count(*) as count, min(d.begun_at) as since into v_recent
  from delivery d where d.channel_id = v_channel_id and d.begun_at > v_now - interval '1 minute' and d.try = 1;
  if v_recent.count >= 20 then
    if exists (select from due_notifications(v_channel_id, v_now)) then
      perform wake_channel(v_channel_id, v_recent.since + interval '1 minute', v_now);
    end if;
    return;
  end if;

  foreach v_kind in array array['raised', 'reminder', 'event', 'cleared'] loop
    v_due := case v_channel.grouping when 'single' then single_incident(v_channel_id, v_kind, v_now)
             else array(select n.id from due_notifications(v_channel_id, v_now) n where n.kind = v_kind) end;
    continue when v_due = '{}';
    if v_kind in ('raised', 'reminder') then
      v_picked := array(
        select n.id from notification n join alert a on a.id = n.alert_id
        where n.id = any (v_due) and a.cleared_at is null and a.dismissed_at is null
        order by n.id for share of a skip locked
      );
      if cardinality(v_picked) < cardinality(v_due) then
        v_wait_until := v_now + interval '1 second';
      end if;
    else
      v_picked := v_due;
    end if;
    exit when v_picked <> '{}';
  end loop;
  if v_wait_until is not null then
    perform wake_channel(v_channel_id, v_wait_until, v_now);
  end if;
  if coalesce(v_picked, '{}') = '{}' then
    return;
  end if;

  kind := v_kind;
  notification_ids := v_picked;
  select max(n.tries) + 1 into try from notification n where n.id = any (v_picked);
  insert into delivery (channel_id, channel_name, kind, notification_ids, try, job_id, begun_at)
  values (v_channel_id, v_channel.name, v_kind, v_picked, try, v_job_id, v_now)
  returning id into delivery_id;
  update notification n
  set state = 'sending', tries = n.tries + 1, first_tried_at = coalesce(n.first_tried_at, v_now), delivery_id = begin_delivery.delivery_id,
      incident = coalesce(n.incident, case when v_kind = 'raised' then begin_delivery.delivery_id end)
  where n.id = any (v_picked);
  select min(n.incident) into incident from notification n where n.id = any (v_picked);
end
$$;

-- What may be told now; what is due in a moment goes along. A clearing waits for a try of its alert that is under way.
create or replace function due_notifications(v_channel_id bigint, v_now timestamptz) returns setof notification
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
begin
  return query
  select n.* from notification n
  where n.channel_id = v_channel_id and n.state = 'queued' and n.due_at <= v_now + grouping_window()
    and coalesce(n.held_until <= v_now, true)
    and (n.kind <> 'cleared' or not exists (
      select from notification r where r.alert_id = n.alert_id and r.channel_id = n.channel_id and r.kind <> 'cleared' and r.state = 'sending'
    ))
  order by n.id;
end
$$;

-- The next notifications that are one incident: a single one, or, where more than ten wait, all of them. What was told
-- together is cleared together.
create or replace function single_incident(v_channel_id bigint, v_kind text, v_now timestamptz) returns bigint[]
language plpgsql stable set search_path = backup_awareness, pg_temp as $$
declare
  v_ids bigint[];
  v_first record;
begin
  select n.id, n.incident into v_first
  from due_notifications(v_channel_id, v_now) n
  where n.kind = v_kind
    and (v_kind <> 'cleared' or not exists (
      select from notification r join alert a on a.id = r.alert_id
      where r.incident = n.incident and r.kind = 'raised' and r.told and a.cleared_at is null
    ))
  order by n.incident nulls last, n.id limit 1;
  if not found then
    return '{}';
  end if;
  v_ids := array(
    select n.id from due_notifications(v_channel_id, v_now) n
    where n.kind = v_kind and n.incident is not distinct from v_first.incident order by n.id
  );
  return case when v_first.incident is null and cardinality(v_ids) <= 10 then array[v_first.id] else v_ids end;
end
$$;

-- Tries whose daemon was killed in their midst are over: nobody knows how they ended, so what they told is told again.
create or replace function end_interrupted_deliveries(v_channel_id bigint, v_job_id bigint, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  with interrupted as (
    update delivery d set ended_at = v_now, outcome = 'interrupted', answer = 'the daemon ended before an answer came'
    where d.channel_id = v_channel_id and d.ended_at is null and d.kind <> 'test'
      and (d.job_id = v_job_id
           or not exists (select from graphile_worker.jobs j where j.id = d.job_id and j.locked_at is not null))
    returning d.id
  )
  update notification n set state = 'queued', told = n.kind = 'raised'
  from interrupted i where n.delivery_id = i.id and n.state = 'sending';
end
$$;

-- Withdraws what needs not be told any more: alerts that were cleared or dismissed before they were, and clearings of
-- alerts that nobody heard of.
create or replace function withdraw_settled_notifications(v_channel_id bigint, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
begin
  update notification n set state = 'withdrawn'
  from alert a
  where n.channel_id = v_channel_id and n.state = 'queued' and n.due_at <= v_now + grouping_window() and n.kind in ('raised', 'reminder')
    and a.id = n.alert_id and (a.cleared_at is not null or a.dismissed_at is not null);
  -- A reminder of what is about to be told for the first time says nothing.
  update notification n set state = 'withdrawn'
  where n.channel_id = v_channel_id and n.state = 'queued' and n.due_at <= v_now + grouping_window() and n.kind = 'reminder'
    and exists (select from notification r where r.alert_id = n.alert_id and r.channel_id = n.channel_id and r.kind = 'raised'
                and r.state in ('queued', 'sending'));
  update notification n
  set state = case when r.told or r.state = 'sending' then n.state else 'withdrawn' end, incident = r.incident
  from notification r
  where n.channel_id = v_channel_id and n.state = 'queued' and n.due_at <= v_now + grouping_window() and n.kind = 'cleared'
    and r.alert_id = n.alert_id and r.channel_id = n.channel_id and r.kind = 'raised'
    and (n.incident is distinct from r.incident or not (r.told or r.state = 'sending'));
end
$$;

-- Has what is about engines in maintenance wait for the end of it.
create or replace function hold_for_maintenance(v_channel_id bigint, v_now timestamptz) returns void
language plpgsql set search_path = backup_awareness, pg_temp as $$
declare
  v_end timestamptz;
begin
  if not exists (select from maintenance_window) then
    return;
  end if;
  update notification n set held_until = h.until
  from (
    select f.fqdn, maintenance_until(f.fqdn, v_now) as until
    from (select distinct d.fqdn from due_notifications(v_channel_id, v_now) d) f
  ) h
  where n.channel_id = v_channel_id and n.state = 'queued' and n.due_at <= v_now + grouping_window()
    and n.fqdn is not distinct from h.fqdn and h.until > v_now;
  if found then
    select min(n.held_until) into v_end from notification n
    where n.channel_id = v_channel_id and n.state = 'queued' and n.held_until > v_now;
    perform wake_channel(v_channel_id, v_end, v_now);
  end if;
end
$$;
