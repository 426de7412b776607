-- Take out what the archive has, and count it, in one step.
--
-- However many go, no more than three of them are read.
--
-- KEYS 1 the event stream, 2 its .archived
-- ARGV 1 position, 2 hash and 3 id of the last event to go
-- Answer {what, n}: "ok" and how many went, or "other" and 0.
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if not entries[1] then return {'ok', 0} end
local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end
local first = tonumber(fields_of(entries[1]).position)
if tonumber(ARGV[1]) < first then return {'ok', 0} end
local wanted = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
local ms, position = string.match(ARGV[3], '^(%d+)-(%d+)$')
if not wanted or fields_of(wanted).hash ~= ARGV[2] or position ~= ARGV[1] then
  return {'other', 0}
end
-- Positions grow with ids: as many entries as positions, and none is missing in between.
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local about, length = redis.call('XINFO', 'STREAM', KEYS[1]), 0
for i = 1, #about, 2 do
  if about[i] == 'length' then length = about[i + 1] end
end
if length ~= tonumber(string.match(newest[1], '-(%d+)$')) - first + 1 then
  return {'other', 0}
end
local removed = 0
if redis.call('EXISTS', KEYS[2]) == 1 then
  local said = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if said then removed = tonumber(fields_of(said).removed) end
end
local gone = redis.call('XTRIM', KEYS[1], 'MINID', ms .. '-' .. string.format('%.0f', tonumber(position) + 1))
redis.call('XADD', KEYS[2], '*', 'removed', string.format('%.0f', removed + gone),
  'position', ARGV[1], 'hash', ARGV[2])
return {'ok', gone}
