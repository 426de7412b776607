-- Tables of the logs in one database. The program makes them where its user may; where it
-- may not, an owner runs this file first, and deploy/postgresql/roles.sql after it.

create schema if not exists stairway;

-- What this is: its format, so that tables of another version are refused.
create table stairway.about (name text primary key, value text not null);
insert into stairway.about values ('format', '1');

-- One row per log, locked by whoever appends to it. id: which log this is, so that another
-- one of the same name is noticed. last_ns: recording time of its newest event.
create table stairway.log (
    name text primary key,
    id uuid not null default gen_random_uuid(),
    last_ns bigint not null default 0
);

-- Last position and hash of every stream, changed in the transaction that appends.
create table stairway.stream (
    log text not null references stairway.log (name),
    name text not null,
    position bigint not null check (position > 0),
    hash bytea not null,
    primary key (log, name)
);

-- crc covers every other column but writer; hash chains to the event before. writer tells
-- two processes apart that wrote the same content.
create table stairway.event (
    log text not null,
    stream text not null,
    position bigint not null check (position > 0),
    recorded_ns bigint not null,
    writer bigint not null,
    crc bigint not null,
    hash bytea not null,
    payload bytea not null,
    primary key (log, stream, position)
);

-- Consumer groups: what each remembers, and what was given up. seal: SHA-256 of body.
create table stairway.consumer_group (
    log text not null references stairway.log (name),
    name text not null,
    body bytea not null,
    seal bytea not null,
    primary key (log, name)
);
create table stairway.dead_letter (
    log text not null,
    group_name text not null,
    number bigint not null,
    body bytea not null,
    seal bytea not null,
    primary key (log, group_name, number)
);

-- Events are never changed. Only the archiver deletes, and nobody truncates.
create function stairway.keep_events() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_user = 'stairway_archiver' then
        return null;
    end if;
    raise exception 'events are never changed: % on % is refused', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end $$;
create trigger keep_events before update or delete or truncate on stairway.event
    for each statement execute function stairway.keep_events();
alter table stairway.event enable always trigger keep_events;

-- Heads and clocks only go forward.
create function stairway.head_forward() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if new.log = old.log and new.name = old.name and new.position > old.position then
            return new;
        end if;
    end if;
    raise exception 'the head of a stream only goes forward: % is refused', tg_op
        using errcode = 'insufficient_privilege';
end $$;
create trigger only_forward before update or delete on stairway.stream
    for each row execute function stairway.head_forward();
create function stairway.log_forward() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if new.name = old.name and new.id = old.id and new.last_ns > old.last_ns then
            return new;
        end if;
    end if;
    raise exception 'the time of a log only goes forward: % is refused', tg_op
        using errcode = 'insufficient_privilege';
end $$;
create trigger only_forward before update or delete on stairway.log
    for each row execute function stairway.log_forward();
create trigger keep_heads before truncate on stairway.stream
    for each statement execute function stairway.keep_events();
create trigger keep_logs before truncate on stairway.log
    for each statement execute function stairway.keep_events();
