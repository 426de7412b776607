-- Take out what the archive has, and count it, in one step.
--
-- KEYS 1 the event stream, 2 its .archived
-- ARGV 1 position and 2 hash of the last event to go
-- Answer {what, n}: "ok" and how many went, or "other" and 0.
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if not entries[1] then return {'ok', 0} end
local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end
local first = tonumber(fields_of(entries[1]).position)
local count = tonumber(ARGV[1]) - first + 1
if count <= 0 then return {'ok', 0} end
local start, id, hash = '-', nil, nil
local left = count
while left > 0 do
  local page = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', math.min(left, 256))
  if #page == 0 then return {'other', 0} end
  left = left - #page
  id, hash = page[#page][1], fields_of(page[#page]).hash
  start = '(' .. id
end
if hash ~= ARGV[2] or string.match(id, '-(%d+)$') ~= ARGV[1] then return {'other', 0} end
local removed = 0
if redis.call('EXISTS', KEYS[2]) == 1 then
  local said = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if said then removed = tonumber(fields_of(said).removed) end
end
local ms, position = string.match(id, '^(%d+)-(%d+)$')
local gone = redis.call('XTRIM', KEYS[1], 'MINID', ms .. '-' .. string.format('%.0f', tonumber(position) + 1))
redis.call('XADD', KEYS[2], '*', 'removed', string.format('%.0f', removed + gone),
  'position', ARGV[1], 'hash', hash)
return {'ok', gone}
