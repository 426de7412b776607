-- Keep what a consumer group remembers, if nobody else has changed it meanwhile.
--
-- KEYS 1 the group's hash (revision, body), 2 .dead, 3 .groups
-- ARGV 1 revision that was read, "0" for none; 2 body; 3 the group; then for each dead letter
--      group, stream, position, tries, cause, given_up_ns
-- Answer {what, revision}: "ok" and the new revision, or "moved" and the present one.
local found = redis.call('HGET', KEYS[1], 'revision') or '0'
if found ~= ARGV[1] then return {'moved', found} end
local revision = string.format('%.0f', tonumber(found) + 1)
redis.call('HSET', KEYS[1], 'revision', revision, 'body', ARGV[2])
-- Whoever archives asks every group what it still needs.
if found == '0' then redis.call('XADD', KEYS[3], '*', 'name', ARGV[3]) end
for i = 4, #ARGV, 6 do
  redis.call('XADD', KEYS[2], '*', 'group', ARGV[i], 'stream', ARGV[i + 1], 'position',
    ARGV[i + 2], 'tries', ARGV[i + 3], 'cause', ARGV[i + 4], 'given_up_ns', ARGV[i + 5])
end
return {'ok', revision}
