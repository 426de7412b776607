-- Add an entry to one of the streams whose names begin with a dot.
--
-- KEYS 1 the stream
-- ARGV field, value, field, value...
-- Answer the entry's id.
return redis.call('XADD', KEYS[1], '*', unpack(ARGV))
