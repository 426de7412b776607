-- Find the entry of a position: ids grow with positions, so halving the time finds it.
--
-- KEYS 1 the event stream
-- ARGV 1 position
-- Answer the entry, or false where there is none.
local wanted = tonumber(ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not first then return false end
local function split(id)
  local ms, position = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(position)
end
local low, high = split(first[1]), split(newest[1])
while low < high do
  -- The first millisecond whose last event is at or behind the position.
  local middle = math.floor((low + high) / 2)
  local bound = string.format('%.0f', middle)
  local entry = redis.call('XREVRANGE', KEYS[1], bound, '-', 'COUNT', 1)[1]
  local _, position = split(entry and entry[1] or '0-0')
  if position >= wanted then high = middle else low = middle + 1 end
end
local id = string.format('%.0f', low) .. '-' .. ARGV[1]
return redis.call('XRANGE', KEYS[1], id, id)[1] or false
