-- Looks through all that a pool keeps, and says what does not fit together. For small pools.
local tickets, lanes = KEYS[1], KEYS[2]
local wrong, fields, members, expected = {}, {}, {}, {}
local all = redis.call('HGETALL', tickets)
for i = 1, #all, 2 do
    fields[all[i]] = all[i + 1]
end
for _, member in ipairs(redis.call('ZRANGE', lanes, 0, -1)) do
    members[member] = true
end
local counts, talking = {}, 0
for field, value in pairs(fields) do
    local kind, name = string.sub(field, 1, 1), string.sub(field, 2)
    if kind == 't' then
        local ticket, claim = cmsgpack.unpack(value), fields['k' .. name]
        expected['m' .. ticket.home .. '\0' .. name] = true
        if claim and #claim > 16 then
            expected['c' .. string.sub(claim, 17) .. name] = true
            local of = fields['c' .. string.sub(claim, 1, 16)]
            if not of or string.sub(of, 1, 16) ~= name then
                wrong[#wrong + 1] = 'a claimed ticket whose seeker has not claimed it'
            end
        else
            local tail = ticket.order .. '\0' .. name
            expected['o' .. tail] = true
            local tags = {unpack(ticket.tags or {})}
            for _, tag in ipairs(tags) do
                counts[tag] = (counts[tag] or 0) + 1
            end
            if ticket.wide or #tags == 0 then
                tags[#tags + 1] = ''
            end
            for _, tag in ipairs(tags) do
                if ticket.region then
                    expected['l' .. tag .. '\0' .. ticket.region .. '\0' .. tail] = true
                end
                if ticket.wide or not ticket.region then
                    expected['l' .. tag .. '\0\0' .. tail] = true
                end
            end
        end
    elseif kind == 'k' and not fields['t' .. name] then
        wrong[#wrong + 1] = 'a claim on no ticket'
    elseif kind == 'c' then
        local claim = fields['k' .. string.sub(value, 1, 16)]
        if not claim or #claim == 16 or string.sub(claim, 1, 16) ~= name then
            wrong[#wrong + 1] = 'a seeker that has claimed what is not claimed by it'
        end
    elseif kind == 'h' then
        local _, till, talks = struct.unpack('>I8I8I8', value)
        expected['e' .. string.format('%014x', till) .. name] = true
        talking = talking + talks
    end
end
for field, value in pairs(fields) do
    if string.sub(field, 1, 1) == 'g' and counts[string.sub(field, 2)] ~= tonumber(value) then
        wrong[#wrong + 1] = 'a tag that is miscounted'
    end
end
for tag in pairs(counts) do
    if not fields['g' .. tag] then
        wrong[#wrong + 1] = 'a tag that is not counted'
    end
end
for member in pairs(expected) do
    if not members[member] then
        wrong[#wrong + 1] = 'missing: ' .. member
    end
end
for member in pairs(members) do
    if not expected[member] then
        wrong[#wrong + 1] = 'left over: ' .. member
    end
end
if talking ~= tonumber(fields['#talking'] or 0) then
    wrong[#wrong + 1] = 'those who talk are miscounted'
end
return wrong
