-- Become the relay at work, once; afterwards only say so again.
--
-- KEYS 1 .relays
-- ARGV 1 id of the relay, or "*" the first time; 2 who it is
-- Answer {what, id}: "ok" and the relay's id, or "fenced" and the id of who took over.
if ARGV[1] == '*' then
  return {'ok', redis.call('XADD', KEYS[1], '*', 'who', ARGV[2])}
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if newest and newest[1] == ARGV[1] then return {'ok', ARGV[1]} end
end
-- Redis lost the claim, and perhaps those before it. A newer one refuses an older id.
local made = redis.pcall('XADD', KEYS[1], ARGV[1], 'who', ARGV[2])
if type(made) == 'table' and made.err then
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if not newest then return redis.error_reply(made.err) end
  return {'fenced', newest[1]}
end
return {'ok', ARGV[1]}
