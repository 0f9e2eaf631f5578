-- Looked through each minute for analyses that nothing does.
create index releases_unanalysed on public.releases (id) where analysis is null and analysis_requests > 0;
