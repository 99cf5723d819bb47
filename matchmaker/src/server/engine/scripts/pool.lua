-- What the scripts of one pool share; each is sent with this before it.
--
-- KEYS[1], `tickets`, a hash:
--   t<client>  a ticket, packed (see `seek.lua`)
--   k<client>  who has claimed that ticket: seeker, and until when while the claim lasts; without that it has run out
--   c<client>  whom this one has claimed: waiter, until when, the number of the ticket that searched
--   h<home>    term, end of the lease, talking: of a home, which is one replica since it last had to begin anew
--   g<tag>     how many stand in the tag's lanes
--   #arrival   the last ticket's, #found waiters ever, #talking at all homes
-- KEYS[2], `lanes`, a sorted set in which all scores are 0, so that members are in the order of their bytes:
--   o<order>0<client>                 those who can be found, in the order in which they are served
--   l<tag>0<region>0<order>0<client>  the same by lane; empty: the lane of no tag, of any region
--   m<home>0<client>                  all tickets of a home
--   c<until><client>                  claimed tickets, by when the claim runs out
--   e<until><home>                    homes, by when their lease runs out
-- where 0 is the byte, a client is its 16 bytes, times are microseconds as 14 hex digits, and an order is a turn and an arrival.
--
-- Whoever is in `o` is in its lanes and unclaimed. Whoever has a ticket is in `m`. Who is claimed is in `c` and not in `o`.

local tickets, lanes = KEYS[1], KEYS[2]

local function hex(time)
    return string.format('%014x', time)
end

-- The time in microseconds: the server's, unless a test brings its own.
local function clock(given)
    if given ~= '' then
        return tonumber(given)
    end
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

-- Where a ticket can be found.
local function stands(client, ticket)
    local tail = ticket.order .. '\0' .. client
    local members = {'o' .. tail}
    local function stand(tag)
        if ticket.region then
            members[#members + 1] = 'l' .. tag .. '\0' .. ticket.region .. '\0' .. tail
        end
        if ticket.wide or not ticket.region then
            members[#members + 1] = 'l' .. tag .. '\0\0' .. tail
        end
    end
    local tags = ticket.tags
    if tags then
        for i = 1, #tags do
            stand(tags[i])
        end
    end
    if ticket.wide or not tags then
        stand('')
    end
    return members
end

local function count_tags(ticket, by)
    for _, tag in ipairs(ticket.tags or {}) do
        if redis.call('HINCRBY', tickets, 'g' .. tag, by) <= 0 then
            redis.call('HDEL', tickets, 'g' .. tag)
        end
    end
end

-- Others can find it.
local function show(client, ticket, also)
    local arguments = {}
    for _, member in ipairs(stands(client, ticket)) do
        arguments[#arguments + 1] = 0
        arguments[#arguments + 1] = member
    end
    if also then
        arguments[#arguments + 1] = 0
        arguments[#arguments + 1] = also
    end
    redis.call('ZADD', lanes, unpack(arguments))
    count_tags(ticket, 1)
end

-- Others can't find it.
local function hide(client, ticket)
    redis.call('ZREM', lanes, unpack(stands(client, ticket)))
    count_tags(ticket, -1)
end

local function read_claim(claim)
    return claim and {waiter = string.sub(claim, 1, 16), till = string.sub(claim, 17, 30), number = string.sub(claim, 31)}
end

-- Who has claimed a ticket, and until when; that is nil once it has run out.
local function read_claimant(claimant)
    if not claimant then
        return nil, nil
    end
    local till = string.sub(claimant, 17)
    return string.sub(claimant, 1, 16), till ~= '' and till or nil
end

-- Forgets that a seeker has claimed a waiter, if it is that one.
local function forget_claim(seeker, waiter)
    local claim = read_claim(redis.call('HGET', tickets, 'c' .. seeker))
    if claim and claim.waiter == waiter then
        redis.call('HDEL', tickets, 'c' .. seeker)
    end
end

-- A ticket is no more, nor is what has claimed it.
local function drop(client, ticket, claimant)
    local seeker, till = read_claimant(claimant)
    if till then
        redis.call('ZREM', lanes, 'c' .. till .. client)
        forget_claim(seeker, client)
    else
        hide(client, ticket)
    end
    redis.call('ZREM', lanes, 'm' .. ticket.home .. '\0' .. client)
    redis.call('HDEL', tickets, 't' .. client, 'k' .. client)
end

-- A claim ends: its waiter can be found again, at its turn.
local function release(waiter, seeker)
    local found = redis.call('HMGET', tickets, 't' .. waiter, 'k' .. waiter)
    local by, till = read_claimant(found[2])
    if found[1] and by == seeker and till then
        redis.call('ZREM', lanes, 'c' .. till .. waiter)
        redis.call('HSET', tickets, 'k' .. waiter, seeker)
        show(waiter, cmsgpack.unpack(found[1]))
    end
end

local function read_home(home)
    if not home then
        return nil
    end
    local term, till, talking = struct.unpack('>I8I8I8', home)
    return {term = term, till = till, talking = talking}
end

local function write_home(home)
    return struct.pack('>I8I8I8', home.term, home.till, home.talking)
end
