-- A home says that it is there, and how many talk; what has run out in its pool is cleared away.
--
-- What holds: a home whose lease ran out gets a new term, so that it knows that its tickets may be gone. A claim that has run out leaves
-- its waiter at its old turn. The keys outlast the last renewal by their time only. At most SWEPT claims and SWEPT tickets at a time.
--
-- KEYS: tickets, lanes.
-- ARGV: 1 clock, as in `seek.lua`, 2 home, 3 lease in microseconds, 4 for how long the keys are kept, in milliseconds, 5 talking.
-- Answers the term.

local SWEPT = 100

local now, home = clock(ARGV[1]), ARGV[2]
local known = redis.call('HMGET', tickets, 'h' .. home, '#talking')
local own, talking = read_home(known[1]), (known[2] or 0) + 0
if own then
    redis.call('ZREM', lanes, 'e' .. hex(own.till) .. home)
end
talking = talking + ARGV[5] - (own and own.talking or 0)
own = {term = own and own.till > now and own.term or now, till = now + ARGV[3], talking = ARGV[5] + 0}
redis.call('ZADD', lanes, 0, 'e' .. hex(own.till) .. home)

for _, member in ipairs(redis.call('ZRANGEBYLEX', lanes, '[c', '(c' .. hex(now + 1), 'LIMIT', 0, SWEPT)) do
    local waiter = string.sub(member, 16)
    local seeker = read_claimant(redis.call('HGET', tickets, 'k' .. waiter))
    if seeker then
        release(waiter, seeker)
        forget_claim(seeker, waiter)
    end
    redis.call('ZREM', lanes, member)
end

local left = SWEPT
for _, member in ipairs(redis.call('ZRANGEBYLEX', lanes, '[e', '(e' .. hex(now + 1), 'LIMIT', 0, SWEPT)) do
    local gone = string.sub(member, 16)
    local prefix = 'm' .. gone .. '\0'
    local theirs = redis.call('ZRANGEBYLEX', lanes, '[' .. prefix, '(m' .. gone .. '\1', 'LIMIT', 0, left)
    for _, each in ipairs(theirs) do
        local client = string.sub(each, #prefix + 1)
        local found = redis.call('HMGET', tickets, 't' .. client, 'k' .. client)
        if found[1] then
            drop(client, cmsgpack.unpack(found[1]), found[2])
        else
            redis.call('ZREM', lanes, each)
        end
    end
    if #theirs == left then
        break
    end
    left = left - #theirs
    local lease = read_home(redis.call('HGET', tickets, 'h' .. gone))
    talking = talking - (lease and lease.talking or 0)
    redis.call('ZREM', lanes, member)
    redis.call('HDEL', tickets, 'h' .. gone)
end

redis.call('HSET', tickets, 'h' .. home, write_home(own), '#talking', talking)
redis.call('PEXPIRE', tickets, ARGV[4])
redis.call('PEXPIRE', lanes, ARGV[4])
return hex(own.term)
