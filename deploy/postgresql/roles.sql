-- Roles for the logs of one database. Run it as the owner of the schema, after schema.sql:
--
--   psql -v ON_ERROR_STOP=1 -d DATABASE -f src/stairway/adapters/ledger/schema.sql
--   psql -v ON_ERROR_STOP=1 -d DATABASE -f src/stairway/adapters/ledger/archive.sql
--   psql -v ON_ERROR_STOP=1 -d DATABASE -f deploy/postgresql/roles.sql
--   psql -d DATABASE -c "create role desk_one login in role stairway_writer password '...'"
--
-- Nobody here owns anything, so nobody can switch a trigger off. It may be run again.

do $$
declare
    name text;
begin
    foreach name in array array['stairway_reader', 'stairway_writer', 'stairway_archiver'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I nologin', name);
        end if;
    end loop;
end $$;

revoke all on schema stairway from public;
revoke all on all tables in schema stairway from public;
revoke all on all tables in schema stairway
    from stairway_reader, stairway_writer, stairway_archiver;
grant usage on schema stairway to stairway_reader, stairway_writer, stairway_archiver;
grant select on all tables in schema stairway
    to stairway_reader, stairway_writer, stairway_archiver;

-- Appends: events are inserted and never changed; clocks and heads only go forward, which a
-- trigger sees to; a consumer group keeps its place.
grant insert on stairway.log, stairway.stream, stairway.event to stairway_writer;
grant update (last_ns) on stairway.log to stairway_writer;
grant update (position, hash) on stairway.stream to stairway_writer;
grant insert on stairway.consumer_group, stairway.dead_letter to stairway_writer;
grant update (body, seal) on stairway.consumer_group to stairway_writer;

-- Takes away what was archived, and notes how far. Only this very role may: whoever is a
-- member of it says "set role stairway_archiver" first, as stairway log archive does.
grant delete on stairway.event to stairway_archiver;
grant insert on stairway.archived to stairway_archiver;
grant update (position, hash) on stairway.archived to stairway_archiver;
