-- A claim comes to nothing, as the waiter is not there any more: its ticket is dropped.
--
-- What holds: only a ticket goes that this seeker has claimed, even if that has run out, with that number, and that was not kept anew
-- since. Another's number is released.
--
-- KEYS: tickets, lanes. ARGV: 1 seeker, 2 waiter, 3 number. Answers nothing.

local found = redis.call('HMGET', tickets, 't' .. ARGV[2], 'k' .. ARGV[2])
if found[1] and read_claimant(found[2]) == ARGV[1] then
    local ticket = cmsgpack.unpack(found[1])
    if ticket.number == ARGV[3] then
        drop(ARGV[2], ticket, found[2])
    else
        release(ARGV[2], ARGV[1])
    end
end
forget_claim(ARGV[1], ARGV[2])
return false
