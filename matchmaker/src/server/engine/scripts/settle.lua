-- A seeker and its waiter are in a room: neither has a ticket any more.
--
-- What holds: a ticket that either got since, at another home, stays. The waiter's goes also where the claim has run out already, unless
-- it has been claimed by somebody else or kept anew since.
--
-- KEYS: tickets, lanes. ARGV: 1 home, 2 seeker, 3 waiter. Answers nothing.

for _, client in ipairs({ARGV[2], ARGV[3]}) do
    local found = redis.call('HMGET', tickets, 't' .. client, 'k' .. client)
    if found[1] then
        local ticket = cmsgpack.unpack(found[1])
        local by = read_claimant(found[2])
        if ticket.home == ARGV[1] or (client == ARGV[3] and by == ARGV[2]) then
            drop(client, ticket, found[2])
        end
    end
end
forget_claim(ARGV[2], ARGV[3])
return false
