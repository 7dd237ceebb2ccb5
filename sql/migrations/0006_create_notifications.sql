create table channel (
  id bigint generated always as identity primary key,
  name varchar(64) not null,
  kind text not null,
  config jsonb not null,
  secrets bytea,
  grouping text not null check (grouping in ('list', 'single')),
  added_at timestamptz not null,
  added_by text not null,
  removed_at timestamptz,
  failures integer not null default 0,
  failing_since timestamptz,
  fault text,
  retry_at timestamptz,
  wake_at timestamptz,
  accepted_at timestamptz
);
comment on table channel is 'A way by which notifications leave. A removed one stays for the sake of its deliveries, without its secrets.';
comment on column channel.secrets is 'Encrypted with a key that is not in the database.';
comment on column channel.grouping is 'list: what waits becomes one message; single: one message for each, unless many wait.';
comment on column channel.failures is 'Tries that failed since the last one that was accepted.';
comment on column channel.fault is 'What the other side answered to the last try that failed; null: the last one was accepted.';
comment on column channel.retry_at is 'No try begins before; null: nothing is waited for.';
comment on column channel.wake_at is 'For when a job was queued that looks after what has to wait.';

create unique index channel_name on channel (name) where removed_at is null;

create table notification_rule (
  id bigint generated always as identity primary key,
  channel_id bigint not null,
  engines text[] not null,
  types text[] not null,
  minimum_severity integer not null,
  reminder_hours integer check (reminder_hours between 1 and 8760),
  after_hours integer check (after_hours between 1 and 8760),
  added_at timestamptz not null,
  added_by text not null
);
comment on table notification_rule is 'Which channel hears of what. A rule that says nothing of engines or types holds for all of them.';
comment on column notification_rule.engines is 'Patterns of names: * is any text, ? any character.';
comment on column notification_rule.reminder_hours is 'How often it is told again while an alert is open and not dismissed; null: never.';
comment on column notification_rule.after_hours is 'Escalation: told only of alerts that are still open, and not dismissed, after so many hours; null: told at once.';

create table maintenance_window (
  id bigint generated always as identity primary key,
  engines text[] not null,
  starts_at timestamptz,
  ends_at timestamptz,
  weekdays integer[],
  local_start time,
  duration_minutes integer check (duration_minutes between 1 and 10080),
  time_zone text,
  reason text,
  added_at timestamptz not null,
  added_by text not null,
  check (case when starts_at is null
              then weekdays is not null and local_start is not null and duration_minutes is not null and time_zone is not null
              else ends_at > starts_at and weekdays is null and local_start is null and duration_minutes is null and time_zone is null end)
);
comment on table maintenance_window is 'When notifications wait: once, from starts_at to ends_at, or on weekdays (1 Monday to 7 Sunday) from local_start.';

-- Neither this table nor the next refers to others by foreign keys: checking one locks the other row, which an open
-- transaction of a reporter would hold for as long as it likes.
create table notification (
  id bigint generated always as identity primary key,
  channel_id bigint not null,
  kind text not null check (kind in ('raised', 'reminder', 'event', 'cleared')),
  alert_id bigint,
  event_id bigint not null,
  fqdn varchar(255),
  queued_at timestamptz not null,
  due_at timestamptz not null,
  held_until timestamptz,
  reminder_hours integer,
  state text not null default 'queued' check (state in ('queued', 'sending', 'accepted', 'withdrawn', 'failed')),
  told boolean not null default false,
  tries integer not null default 0,
  first_tried_at timestamptz,
  delivery_id bigint,
  incident bigint
) with (fillfactor = 70);
comment on table notification is 'What one channel is to be told: of an alert raised, still open or cleared, or of another event.';
comment on column notification.event_id is 'The line of audit_log that caused it.';
comment on column notification.held_until is 'The end of a maintenance window that it waits for.';
comment on column notification.state is 'withdrawn: not to be told any more, since the alert was cleared or dismissed; failed: given up.';
comment on column notification.told is 'Of a raised one: the channel knows of the alert, or may know of it.';
comment on column notification.delivery_id is 'The latest try.';
comment on column notification.incident is 'The delivery that first told of the alert: what a paging service calls an incident.';

create index notification_waiting on notification (channel_id, due_at) where state in ('queued', 'sending');
create index notification_of_alert on notification (alert_id, channel_id) where alert_id is not null;
create unique index notification_raised on notification (alert_id, channel_id) where kind = 'raised';
create unique index notification_cleared on notification (alert_id, channel_id) where kind = 'cleared';
create unique index notification_next_reminder on notification (alert_id, channel_id) where kind = 'reminder' and state in ('queued', 'sending');
create index notification_of_incident on notification (incident) where kind = 'raised';
create index notification_of_delivery on notification (delivery_id) where delivery_id is not null;
create index notification_by_time on notification (queued_at);

create table delivery (
  id bigint generated always as identity primary key,
  channel_id bigint not null,
  channel_name varchar(64) not null,
  kind text not null check (kind in ('raised', 'reminder', 'event', 'cleared', 'test')),
  notification_ids bigint[] not null,
  try integer not null,
  job_id bigint,
  begun_at timestamptz not null,
  ended_at timestamptz,
  outcome text check (outcome in ('accepted', 'temporary', 'permanent', 'interrupted')),
  answer text,
  check ((ended_at is null) = (outcome is null))
);
comment on table delivery is 'One try to tell one channel one message. Only added to: a try that has ended never changes.';
comment on column delivery.job_id is 'The job that makes it: when nobody works on that any more, the try was interrupted.';
comment on column delivery.outcome is 'temporary and permanent: refused, and tried again or not; interrupted: the daemon was killed, and nobody knows.';
comment on column delivery.answer is 'What the other side answered.';

create index delivery_of_channel on delivery (channel_id, begun_at);
create index delivery_under_way on delivery (channel_id) where ended_at is null;
create index delivery_by_time on delivery (begun_at);

-- So that no report has to add the kind of job, and make others wait for it.
insert into graphile_worker._private_tasks (identifier) values ('send_notifications') on conflict do nothing;
