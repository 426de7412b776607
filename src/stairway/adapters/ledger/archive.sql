-- What format 2 has beside format 1: how far each stream was archived and let go of. A new
-- database gets it with schema.sql; on one of format 1 its owner runs this file once, and
-- deploy/postgresql/roles.sql after it. What is there already is left as it is.

-- Position and hash of the last event of a stream that was archived and let go of; written
-- in the transaction that deletes.
create table if not exists stairway.archived (
    log text not null references stairway.log (name),
    name text not null,
    position bigint not null check (position > 0),
    hash bytea not null,
    primary key (log, name)
);
create or replace trigger only_forward before update or delete on stairway.archived
    for each row execute function stairway.head_forward();
create or replace trigger keep_marks before truncate on stairway.archived
    for each statement execute function stairway.keep_events();

-- Nothing goes that is not behind the mark, whoever deletes.
create or replace function stairway.only_archived() returns trigger language plpgsql as $$
begin
    if exists (
        select from gone left join stairway.archived as a
            on a.log = gone.log and a.name = gone.stream
        where gone.position > coalesce(a.position, 0)
    ) then
        raise exception 'only what was archived may be deleted'
            using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
create or replace trigger only_archived after delete on stairway.event
    referencing old table as gone
    for each statement execute function stairway.only_archived();
alter table stairway.event enable always trigger only_archived;

update stairway.about set value = '2' where name = 'format';
