/**
 * Supabase's functions that send from SQL, where there is no Supabase: what they send is written to the outbox too, and so reaches
 * those who are in its topic.
 *
 * Source: Supabase's documentation, "Broadcast from the Database".
 */
export const MESSAGES = `
create or replace function msc_feed.on_message() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  -- That is how the outbox itself speaks to all topics of a table.
  if not starts_with(new.topic, 'feed!') then
    perform msc_feed.publish(new.topic, new.event, coalesce(new.payload, '{}'), coalesce(new.private, false), new.binary_payload);
  end if;
  return null;
end $$;
-- None of them ever fails the write that calls it. They write as their caller, whom the policies may refuse.
do $do$ begin
  if to_regclass('realtime.messages') is null or to_regclass('realtime.subscription') is not null then return; end if;
  if not exists (select from pg_attribute where attrelid = 'realtime.messages'::regclass and attname = 'binary_payload') then
    alter table realtime.messages add column binary_payload bytea;
  end if;
  create index if not exists messages_by_age on realtime.messages (inserted_at);
  execute $sql$
    create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
      language plpgsql as $$
    declare
      own uuid := gen_random_uuid();
    begin
      perform set_config('realtime.topic', send.topic, true);
      insert into realtime.messages (id, topic, extension, event, private, payload)
        values (own, send.topic, 'broadcast', send.event, send.private,
          case when send.payload ? 'id' then send.payload else jsonb_set(send.payload, '{id}', to_jsonb(own)) end);
    exception when others then
      raise warning 'realtime.send: %', sqlerrm;
    end $$
  $sql$;
  execute $sql$
    create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true) returns void
      language plpgsql as $$
    begin
      perform set_config('realtime.topic', send_binary.topic, true);
      insert into realtime.messages (topic, extension, event, private, binary_payload)
        values (send_binary.topic, 'broadcast', send_binary.event, send_binary.private, send_binary.payload);
    exception when others then
      raise warning 'realtime.send_binary: %', sqlerrm;
    end $$
  $sql$;
  execute $sql$
    create or replace function realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text,
        table_schema text, new record, old record, level text default 'ROW') returns void
      language plpgsql as $$
    begin
      if level = 'STATEMENT' then
        raise exception 'realtime.broadcast_changes is for triggers FOR EACH ROW.';
      end if;
      if operation not in ('INSERT', 'UPDATE', 'DELETE') then
        raise exception 'realtime.broadcast_changes knows no operation %.', operation;
      end if;
      perform realtime.send(jsonb_build_object('schema', table_schema, 'table', table_name, 'operation', operation,
        'record', new, 'old_record', old), event_name, topic_name);
    end $$
  $sql$;
  drop trigger if exists msc_feed on realtime.messages;
  -- The probes of policies have no event.
  create trigger msc_feed after insert on realtime.messages for each row
    when (new.extension = 'broadcast' and new.event is not null and (new.payload is not null or new.binary_payload is not null))
    execute function msc_feed.on_message();
end $do$;
`
