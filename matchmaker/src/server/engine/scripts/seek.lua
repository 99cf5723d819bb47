-- Finds the oldest waiter that suits and claims it; if there is none, keeps the ticket for others to find.
--
-- What holds: a ticket of an earlier attempt does not replace a later one. A waiter is claimed by one seeker at a time; a seeker claims one waiter at a time; who is found was in a lane that the
-- seeker may look into, and nothing keeps the two apart. Asked again with the same ticket it answers as before while the claim lasts.
-- Looks at PROBES waiters of a lane and clears away CLEARED tickets of replicas that are gone; a ticket has at most 20 tags.
--
-- KEYS: tickets, lanes.
-- ARGV: 1 clock in microseconds, which only tests of the rules bring (empty: the server's), 2 home, 3 lease and 4 claim in microseconds,
--   5 for how long the keys are kept, in milliseconds, 6 client, 7 number (attempt and round, 8 hex digits each), 8 how long it has
--   waited and 9 by how much it goes before others, in microseconds, 10 whether anybody will do, 11 region or empty, 12 user or empty, 13 whether it is past caring whom it met,
--   14 limit or 0, 15 talking at this home, 16 recent partners at most, 17 for how long they count, in microseconds, 18 mark or empty,
--   19 the ticket as replicas read it, 20 to 23 how many follow: tags, clients never to be met, users never to be met, recent partners,
--   the last as client and microseconds ago, the latest first.
-- Answers: {'found', term, ticket, microseconds since it was kept} | {'waits', term, position, found ever, mark or ''} |
--   {'claimed', term} | {'full', term}. The term is that of the home's lease: another than before says that tickets may have been lost.

local PROBES, CLEARED = 64, 100

local now = clock(ARGV[1])
local home, client, number = ARGV[2], ARGV[6], ARGV[7]

local function list(from, count)
    if count == 0 then
        return nil
    end
    local items = {}
    for i = 1, count do
        items[i] = ARGV[from + i - 1]
    end
    return items
end

local tag_count, client_count, user_count, recent_count = ARGV[20] + 0, ARGV[21] + 0, ARGV[22] + 0, ARGV[23] + 0
local one = {
    number = number,
    home = home,
    since = now,
    blob = ARGV[19],
    wide = ARGV[10] == '1' or nil,
    region = ARGV[11] ~= '' and ARGV[11] or nil,
    user = ARGV[12] ~= '' and ARGV[12] or nil,
    past_caring = ARGV[13] == '1' or nil,
    tags = list(24, tag_count),
    clients = list(24 + tag_count, client_count),
    users = list(24 + tag_count + client_count, user_count),
}
if recent_count > 0 then
    local from = 24 + tag_count + client_count + user_count
    one.recent, one.recent_until = {}, {}
    for i = 1, recent_count do
        one.recent[i] = ARGV[from + 2 * i - 2]
        one.recent_until[i] = now - ARGV[from + 2 * i - 1] + ARGV[17]
    end
end

local known = redis.call('HMGET', tickets, 't' .. client, 'k' .. client, 'c' .. client, 'h' .. home, '#arrival', '#found', '#talking')
local kept, claimant = known[1] and cmsgpack.unpack(known[1]), known[2]
local arrivals, found_ever, talking = (known[5] or 0) + 0, (known[6] or 0) + 0, (known[7] or 0) + 0

-- The lease.
local own = read_home(known[4])
local is_new = not own or own.till <= now
if is_new then
    if own then
        redis.call('ZREM', lanes, 'e' .. hex(own.till) .. home)
    end
    own = {term = now, till = now + ARGV[3], talking = own and own.talking or 0}
    redis.call('ZADD', lanes, 0, 'e' .. hex(own.till) .. home)
end
local talks_here = ARGV[15] + 0
if is_new or own.talking ~= talks_here then
    talking = talking + talks_here - own.talking
    own.talking = talks_here
    redis.call('HSET', tickets, 'h' .. home, write_home(own), '#talking', talking)
end
if is_new then
    redis.call('PEXPIRE', tickets, ARGV[5])
    redis.call('PEXPIRE', lanes, ARGV[5])
end
local term = hex(own.term)

-- Whom it has claimed before.
local claim = read_claim(known[3])
if claim then
    local waiter = redis.call('HMGET', tickets, 't' .. claim.waiter, 'k' .. claim.waiter)
    local by, till = read_claimant(waiter[2])
    if claim.number == number and waiter[1] and by == client and till and till > hex(now) then
        local ticket = cmsgpack.unpack(waiter[1])
        return {'found', term, ticket.blob, now - ticket.since}
    end
    release(claim.waiter, client)
    redis.call('HDEL', tickets, 'c' .. client)
end

-- The ticket that it has already.
if kept then
    local seeker, till = read_claimant(claimant)
    if string.sub(kept.number, 1, 8) > string.sub(number, 1, 8) then
        -- The session has asked anew since, elsewhere.
        return {'claimed', term}
    end
    if till and kept.number == number and till > hex(now) then
        return {'claimed', term}
    end
    if till and kept.number == number then
        release(client, seeker)
        forget_claim(seeker, client)
        claimant = seeker
    elseif kept.number ~= number then
        -- Nobody who has found the old one finds the session waiting with it.
        drop(client, kept, claimant)
    end
end
local stays = kept and kept.number == number

-- How many of the last partners are not to be met again: fewer where there are hardly any others.
local most
local function lately()
    if not most then
        local population = redis.call('ZLEXCOUNT', lanes, '[o', '(p') + talking
        most = math.min(math.max(math.floor(population / 2) - 1, 0), ARGV[16] + 0)
    end
    return most
end

local function has(items, item)
    if items and item then
        for i = 1, #items do
            if items[i] == item then
                return true
            end
        end
    end
    return false
end

local function met_lately(ticket, other)
    if not ticket.recent then
        return false
    end
    for i = 1, math.min(lately(), #ticket.recent) do
        if ticket.recent_until[i] <= now then
            return false
        end
        if ticket.recent[i] == other then
            return true
        end
    end
    return false
end

-- 0: they may meet; 1: only if there is nobody else; nil: they must not.
local function between(waiter, other)
    if waiter == client or (one.user and one.user == other.user) then
        return nil
    end
    if has(one.clients, waiter) or has(other.clients, client) or has(one.users, other.user) or has(other.users, one.user) then
        return nil
    end
    if met_lately(one, waiter) or met_lately(other, client) then
        return one.past_caring and other.past_caring and 1 or nil
    end
    return 0
end

local alive = {[home] = true}
local function is_alive(other)
    if alive[other] == nil then
        local lease = read_home(redis.call('HGET', tickets, 'h' .. other))
        alive[other] = lease and lease.till > now or false
    end
    return alive[other]
end

local cleared, mark = 0, ''
local best, second_best

local function offer(candidate, waiter, ticket, order)
    if candidate and candidate.order < order then
        return candidate
    end
    return {waiter = waiter, ticket = ticket, order = order}
end

-- Looks into one lane.
local function look(prefix)
    local from = ARGV[18] == '' and '[' .. prefix or '(' .. prefix .. ARGV[18] .. '\1'
    local probes, last, fetch = 0, nil, 1
    while true do
        local members = redis.call('ZRANGEBYLEX', lanes, from, '(' .. prefix .. 'g', 'LIMIT', 0, fetch)
        if #members == 0 then
            return
        end
        local fields = {}
        for i = 1, #members do
            fields[i] = 't' .. string.sub(members[i], -16)
        end
        local packed = redis.call('HMGET', tickets, unpack(fields))
        for i = 1, #members do
            if probes == PROBES then
                if last > mark then
                    mark = last
                end
                return
            end
            local order = string.sub(members[i], #prefix + 1, -18)
            local waiter, ticket = string.sub(members[i], -16), packed[i] and cmsgpack.unpack(packed[i])
            last = order
            if not ticket then
                -- It should not be; it is not in the way again.
                redis.call('ZREM', lanes, members[i])
                probes = probes + 1
            elseif waiter ~= client and not is_alive(ticket.home) and cleared < CLEARED then
                cleared = cleared + 1
                drop(waiter, ticket, false)
            else
                probes = probes + 1
                local obstacle = is_alive(ticket.home) and between(waiter, ticket)
                if obstacle == 0 then
                    best = offer(best, waiter, ticket, order)
                    return
                elseif obstacle == 1 then
                    second_best = offer(second_best, waiter, ticket, order)
                end
            end
        end
        if #members < fetch then
            return
        end
        from, fetch = '(' .. members[#members], PROBES + 1 - probes
    end
end

-- Lanes of one rank are as good as one another: the oldest of them all. Of those who had better not be met the best rank's counts, too.
local function look_into(prefixes)
    local earlier = second_best
    second_best = nil
    for _, prefix in ipairs(prefixes) do
        look(prefix)
    end
    second_best = earlier or second_best
    return best
end

local places = {}
if one.region then
    places[1] = one.region
end
if one.wide or not one.region then
    places[#places + 1] = ''
end

local function search()
    local counts, by_count, waiting = {}, {}, {}
    if one.tags then
        for i = 1, tag_count do
            waiting[i] = 'g' .. one.tags[i]
        end
        waiting = redis.call('HMGET', tickets, unpack(waiting))
    end
    for i = 1, tag_count do
        local count = waiting[i]
        if count then
            count = count + 0
            if not by_count[count] then
                by_count[count] = {}
                counts[#counts + 1] = count
            end
            table.insert(by_count[count], one.tags[i])
        end
    end
    table.sort(counts)
    for _, count in ipairs(counts) do
        for _, place in ipairs(places) do
            local prefixes = {}
            for i, tag in ipairs(by_count[count]) do
                prefixes[i] = 'l' .. tag .. '\0' .. place .. '\0'
            end
            if look_into(prefixes) then
                return
            end
        end
    end
    if one.wide or not one.tags then
        for _, place in ipairs(places) do
            if look_into({'l\0' .. place .. '\0'}) then
                return
            end
        end
    end
end

search()
local met = best or second_best

if met then
    if stays then
        drop(client, kept, claimant)
    end
    local till = hex(now + ARGV[4])
    hide(met.waiter, met.ticket)
    redis.call('ZADD', lanes, 0, 'c' .. till .. met.waiter)
    redis.call('HSET', tickets, 'k' .. met.waiter, client .. till, 'c' .. client, met.waiter .. till .. number,
        '#found', found_ever + 1)
    return {'found', term, met.ticket.blob, now - met.ticket.since}
end

local limit = ARGV[14] + 0
if limit > 0 and not kept and redis.call('ZLEXCOUNT', lanes, '[o', '(p') >= limit then
    return {'full', term}
end

local turn = hex(math.max(now - ARGV[8] - ARGV[9], 0))
if stays then
    drop(client, kept, claimant)
end
local arrival
if kept then
    arrival = string.sub(kept.order, 15)
else
    arrivals = arrivals + 1
    arrival = string.format('%012x', arrivals)
    redis.call('HSET', tickets, '#arrival', arrivals)
end
one.order = turn .. arrival
redis.call('HSET', tickets, 't' .. client, cmsgpack.pack(one))
show(client, one, 'm' .. home .. '\0' .. client)
local position = redis.call('ZLEXCOUNT', lanes, '[o', '(o' .. one.order .. '\1')
return {'waits', term, position, found_ever, mark}
