-- Renews a node's lease.
-- KEYS: leases, server, log. ARGV: node, length in milliseconds.
-- Answers the end of the log, which server this is, and the era of shared entries.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now))
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('HGET', KEYS[2], 'id')
if known ~= id then redis.call('HSET', KEYS[2], 'id', id, 'since', string.format('%d', now)) end
-- With another server, or after everybody was cut off, an eviction may have been lost.
if known ~= id or redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[2], 'era', time[1] .. '.' .. time[2])
end
redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[2]), ARGV[1])
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
return { last[1] and last[1][1] or '0-0', id, redis.call('HGET', KEYS[2], 'era') }
