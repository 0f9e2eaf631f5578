-- A feed is a private topic of one owner: feed:<table>:<user id>. The trigger routes by the row's owner, for a DELETE
-- by the OLD row's, so nobody else ever hears of it.
create function public.broadcast_to_owner() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  perform realtime.broadcast_changes(
    'feed:' || tg_table_name || ':' || coalesce(new.user_id, old.user_id)::text,
    tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
  return null;
end $$;

create trigger notifications_feed after insert or update or delete on public.notifications
  for each row execute function public.broadcast_to_owner();
create trigger releases_feed after insert or update or delete on public.releases
  for each row execute function public.broadcast_to_owner();

-- Who may join: the owner named in the topic. Nobody may send on a feed; only the database does.
create policy "owners join their feeds" on realtime.messages for select to authenticated
  using (
    split_part(realtime.topic(), ':', 1) = 'feed'
    and split_part(realtime.topic(), ':', 3) = (select auth.uid())::text
  );
