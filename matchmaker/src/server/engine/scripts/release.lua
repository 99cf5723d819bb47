-- A claim comes to nothing: the waiter can be found again, at its turn.
--
-- What holds: only a claim of this seeker ends.
--
-- KEYS: tickets, lanes. ARGV: 1 seeker, 2 waiter. Answers nothing.

release(ARGV[2], ARGV[1])
forget_claim(ARGV[1], ARGV[2])
return false
