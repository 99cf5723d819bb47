-- A ticket waits no longer, claimed or not.
--
-- What holds: nothing happens if the session's ticket is another by now, or was kept for another home.
--
-- KEYS: tickets, lanes. ARGV: 1 home, 2 client, 3 number. Answers nothing.

local found = redis.call('HMGET', tickets, 't' .. ARGV[2], 'k' .. ARGV[2])
if found[1] then
    local ticket = cmsgpack.unpack(found[1])
    if ticket.number == ARGV[3] and ticket.home == ARGV[1] then
        drop(ARGV[2], ticket, found[2])
    end
end
return false
