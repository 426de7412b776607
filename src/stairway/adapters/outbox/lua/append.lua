-- Append events to a stream, all of them or none, if it ends where the relay believes.
--
-- KEYS 1 the event stream, 2 its .archived, 3 .relays
-- ARGV 1 id of the relay, 2 id of the event before these, then for each event
--      id, position, recorded_ns, hash, payload
-- Answer {what, id}: "ok" and the last id, "moved" and the id that the stream really ends
--      with, or "fenced" and the id of the relay that took over.
local function last(key)
  if redis.call('EXISTS', key) == 0 then return '0-0' end
  local about = redis.call('XINFO', 'STREAM', key)
  for i = 1, #about, 2 do
    if about[i] == 'last-generated-id' then return about[i + 1] end
  end
end

local relay, found = last(KEYS[3]), last(KEYS[1])
if relay ~= ARGV[1] then return {'fenced', relay} end
if found ~= ARGV[2] then return {'moved', found} end
if found == '0-0' and redis.call('EXISTS', KEYS[2]) == 1 then
  -- The stream begins anew: nothing has been taken out of this one yet.
  redis.call('XADD', KEYS[2], '*', 'removed', '0', 'position', '0', 'hash', '')
end
for i = 3, #ARGV, 5 do
  redis.call('XADD', KEYS[1], ARGV[i], 'payload', ARGV[i + 4], 'hash', ARGV[i + 3],
    'position', ARGV[i + 1], 'recorded_ns', ARGV[i + 2])
end
return {'ok', ARGV[#ARGV - 4]}
