-- Where a stream ends, and whether everything that was added is still there.
--
-- KEYS 1 the event stream, 2 its .archived
-- Answer {last id, length, added, removed by the archiver, last entry or false,
--      position and hash of the last event that the archiver removed}
if redis.call('EXISTS', KEYS[1]) == 0 then return {'0-0', 0, 0, 0, false, '0', ''} end
local about = {}
local found = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #found, 2 do about[found[i]] = found[i + 1] end
local removed, position, hash = 0, '0', ''
if redis.call('EXISTS', KEYS[2]) == 1 then
  local said = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if said then
    local fields = {}
    for i = 1, #said[2], 2 do fields[said[2][i]] = said[2][i + 1] end
    removed, position, hash = tonumber(fields.removed), fields.position, fields.hash
  end
end
local entry = redis.call('XRANGE', KEYS[1], about['last-generated-id'], about['last-generated-id'])[1]
return {about['last-generated-id'], about['length'], about['entries-added'], removed,
  entry or false, position, hash}
