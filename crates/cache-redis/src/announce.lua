-- Tells every node of a change.
-- KEYS: leases, server, log. ARGV: node, length of a lease and how long the log goes back, both in milliseconds,
-- what has changed, and whether that is everything.
-- Answers where in the log it is, for how long unknown leases may run, and each lease with what is left of it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now))
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', KEYS[2], 'id') ~= id then
  redis.call('HSET', KEYS[2], 'id', id, 'since', string.format('%d', now), 'era', time[1] .. '.' .. time[2])
end
if ARGV[5] == '1' then redis.call('HSET', KEYS[2], 'era', time[1] .. '.' .. time[2]) end
-- A server that was replaced a moment ago may not know of leases that still run.
local unknown = math.max(0, ARGV[2] - (now - redis.call('HGET', KEYS[2], 'since')))
local place = redis.call('XADD', KEYS[3], 'MINID', '~', string.format('%d', now - ARGV[3]), '*', 'node', ARGV[1], 'change', ARGV[4])
local holders = {}
local leases = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #leases, 2 do
  table.insert(holders, { leases[i], math.max(0, leases[i + 1] - now) })
end
return { place, unknown, holders }
