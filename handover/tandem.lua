#!lua name=tandem2
--
-- The number in the library's and the functions' names rises with every release that changes this file, so that programs of two
-- releases, side by side, do not replace each other's functions: each loads and calls its own. What is STORED may only change
-- with a step of the schema, which lets no two such releases meet (docs/roads-back.md, "An upgrade").

-- The speed view's functions (design.md, section 5; keys: handover/speed_keys.h). Each is atomic: nothing runs beside it.
-- All take KEYS = {'tandem'} and answer an array whose first element is a status word. Offsets, segments and
-- generations travel as decimal text and are stored as they came, so Lua prints no large number.
--
-- A Lua error does not take back what was written before it. So everything is checked before the first write, and the
-- partitions' offsets are written last.
--
-- Redis writes a function's changes to its append-only file as MULTI .. EXEC. One that a crash has cut is not applied when
-- the file is loaded (aof-load-truncated), but Redis 7.0 leaves its beginning in the file, where the transactions of the next
-- life follow it: the next load applies that beginning, too, and counters count twice. So each apply first adds 1 to
-- `begun`, and at its end sets `done` to what `begun` was then. What was cut and comes back has added to `begun` once more
-- than the last `done` knows of, for ever: then the two differ, nobody answers from this server, and the next claim empties it.

local STATE = 'tandem'

-- Arguments of one command, an even number: Lua's stack holds some 8000.
local AT_ONCE = 1000

-- One is live, two during a run.
local SEGMENTS_MAX = 1000

-- Redis' own limit of a string. Where a row of segment n has come to half of it, there is a field long<n>.
local ROW_MAX_BYTES = 512 * 1024 * 1024

local function larger(a, b)
    return tonumber(a) > tonumber(b) and a or b
end

-- Makes an empty server this deployment's. Answers the epoch and the retired mark, or nil and whose server it is.
local function own(deployment, epoch_candidate, n)
    local state = redis.call('HMGET', STATE, 'deployment', 'epoch', 'retired')
    if not state[1] then
        redis.call('HSET', STATE, 'deployment', deployment, 'epoch', epoch_candidate, 'retired', n)
        return epoch_candidate, n
    end
    if state[1] ~= deployment then
        return nil, state[1]
    end
    return state[2], state[3]
end

-- Something that was never applied has come back from the append-only file: counters may be wrong.
local function torn()
    local applies = redis.call('HMGET', STATE, 'begun', 'done')
    return applies[1] ~= applies[2]
end

-- All that is ours goes, but `begun`: what was cut and comes back may make keys that are not there now, so it must be found
-- out once more. Takes seconds where there are millions of rows; then it is as good as a server that lost everything.
local function empty()
    local cursor = '0'
    repeat
        local found = redis.call('SCAN', cursor, 'MATCH', STATE .. ':*', 'COUNT', AT_ONCE)
        cursor = found[1]
        if #found[2] > 0 then
            redis.call('UNLINK', unpack(found[2]))
        end
    until cursor == '0'
    local begun = redis.call('HGET', STATE, 'begun')
    for _, field in ipairs(redis.call('HKEYS', STATE)) do
        if field ~= 'begun' then
            redis.call('HDEL', STATE, field)
        end
    end
    if begun then
        redis.call('HSET', STATE, 'done', begun)
    end
end

-- "name name" -> {name = true}; "name:segment name:segment" -> {name = segment}
local function views_of(text)
    local views = {}
    for name, segment in string.gmatch(text or '', '([^: ]+):?(%d*)') do
        views[name] = tonumber(segment) or true
    end
    return views
end

-- From which segment on the partition has counted each of the views that its new owner counts: those of the owners before
-- go on; one that they did not count begins with `segment`, where nothing of it is counted yet (fresh), or with the next.
local function views_counted(before, names, segment, fresh)
    local known, texts = fresh and {} or views_of(before), {}
    for name in string.gmatch(names or '', '%S+') do
        local from = known[name] or tonumber(segment) + (fresh and 0 or 1)
        texts[#texts + 1] = name .. ':' .. string.format('%.0f', from)
    end
    return table.concat(texts, ' ')
end

-- A view that is served and that `names` lacks, or nil.
local function lacking(required, names)
    local known = views_of(names)
    for name in pairs(views_of(required)) do
        if not known[name] then
            return name
        end
    end
    return nil
end

-- deployment, epoch_candidate, p, token, N, boundary, layout, the names of the views that the caller counts
--   -> OK epoch offset segment [EMPTIED: it was torn] | DROPPED retired | FOREIGN deployment | LAYOUT stored | OLDER view
--
-- Behind the boundary, and where the partition is not known, the events below the boundary are in batch view N and
-- nowhere here: start there. Then no reader may add an older batch view to what is here, for this partition has no
-- segment below N: retired = N. At the boundary exactly, segment N begins (its barrier is the next record).
local function claim(_, a)
    local deployment, candidate, p, token, n, boundary, layout, views = unpack(a)
    local epoch, retired = own(deployment, candidate, n)
    if not epoch then
        return { 'FOREIGN', retired }
    end
    local emptied
    if torn() then
        empty()
        emptied = 'EMPTIED'
        epoch, retired = own(deployment, candidate, n)
    end
    local known = redis.call('HMGET', STATE, 'o' .. p, 's' .. p, 'layout', 'required', 'v' .. p)
    local offset, segment = known[1], known[2]
    if known[3] and known[3] ~= layout then
        return { 'LAYOUT', known[3] }
    end
    local older = lacking(known[4], views)
    if older then
        return { 'OLDER', older }
    end
    if tonumber(n) < tonumber(retired) then
        return { 'DROPPED', retired }
    end
    local fresh = not offset or tonumber(offset) <= tonumber(boundary)
    if not offset or tonumber(offset) < tonumber(boundary) then
        offset, segment, retired = boundary, n, n
    elseif tonumber(offset) == tonumber(boundary) then
        segment = larger(segment, n)
    end
    if tonumber(segment) < tonumber(retired) then
        return redis.error_reply('ERR partition ' .. p .. ' is at retired segment ' .. segment .. ' behind its boundary')
    end
    redis.call('HSET', STATE, 'layout', layout, 'retired', retired, 't' .. p, token, 's' .. p, segment, 'o' .. p, offset,
        'v' .. p, views_counted(known[5], views, segment, fresh))
    return { 'OK', epoch, offset, segment, emptied }
end

-- deployment, epoch_candidate, N, n, view .. -> OK epoch (a view that is not counted whole from segment n on) .. | FOREIGN deployment
-- From now on nobody who does not count the other views can claim a partition: they are served, or are to be.
local function require(_, a)
    local epoch, foreign = own(a[1], a[2], a[3])
    if not epoch then
        return { 'FOREIGN', foreign }
    end
    local late, needed, fields = {}, {}, redis.call('HGETALL', STATE)
    local state = {}
    for i = 1, #fields, 2 do
        state[fields[i]] = fields[i + 1]
    end
    for field in pairs(state) do
        local counted = string.match(field, '^o%d+$') and views_of(state['v' .. string.sub(field, 2)])
        for i = 5, counted and #a or 0 do
            late[a[i]] = late[a[i]] or not counted[a[i]] or counted[a[i]] > tonumber(a[4])
        end
    end
    local answer = { 'OK', epoch }
    for i = 5, #a do
        local into = late[a[i]] and answer or needed
        into[#into + 1] = a[i]
    end
    redis.call('HSET', STATE, 'required', table.concat(needed, ' '))
    return answer
end

-- Is the caller the owner of p, and may it work at `segment`? nil, or the answer to give. Then also the offset.
local function refuse(p, token, segment)
    local state = redis.call('HMGET', STATE, 'retired', 't' .. p, 'o' .. p, 's' .. p)
    if not state[1] or not state[2] then
        return { 'GONE', p }
    elseif state[2] ~= token then
        return { 'FENCED', p }
    elseif tonumber(segment) < tonumber(state[1]) then
        return { 'SKIP', p, state[1] }
    elseif tonumber(segment) < tonumber(state[4]) then
        return redis.error_reply('ERR partition ' .. p .. ' has left segment ' .. segment)
    end
    return nil, state[3], state[1]
end

-- Appends the row pieces; rows of at least `long_row` bytes go into `answer` as (name, length).
local function append_rows(a, first, behind, segment, long_row, answer)
    local prefix = 'tandem:row:' .. segment .. ':'
    local call = redis.call
    local n = #answer
    for at = first, behind - 1, 2 do
        local length = call('APPEND', prefix .. a[at], a[at + 1])
        if length >= long_row then
            answer[n + 1], answer[n + 2] = a[at], length
            n = n + 2
            if length >= ROW_MAX_BYTES / 2 then
                call('HSET', STATE, 'long' .. segment, 1)
            end
        end
    end
end

-- The name of a row that has no room for its piece. Rows that long are rare, so they are looked for only where one was seen.
local function full_row(a, first, behind, segment)
    if not redis.call('HGET', STATE, 'long' .. segment) then
        return nil
    end
    for at = first, behind - 1, 2 do
        if redis.call('STRLEN', 'tandem:row:' .. segment .. ':' .. a[at]) + #a[at + 1] > ROW_MAX_BYTES then
            return a[at]
        end
    end
    return nil
end

local function put_states(a, first, behind, key)
    while first < behind do
        local last = math.min(first + AT_ONCE, behind) - 1
        redis.call('HSET', key, unpack(a, first, last))
        first = last + 1
    end
end

-- A write failed although all was checked: somebody else put other types under our keys. Some counters are in and their
-- offset is not. Rather than count them twice, this server is nobody's from now on, until it is flushed: workers stop
-- with FOREIGN, readers leave it out.
local function poison()
    redis.call('DEL', STATE)
    redis.call('HSET', STATE, 'deployment', 'none (a write failed half-way)', 'epoch', '0', 'retired', '0')
end

-- The head of apply, read into parts {p, token, from, to, first user, behind the last}, and where the rows begin and end;
-- nil: malformed.
local function parts_of(a)
    local n = tonumber(a[3])
    local first_row, parts, users = 4 + 5 * (n or 0), {}, 0
    if not n or n < 1 or first_row > #a + 1 then
        return nil
    end
    for i = 1, n do
        local at = 5 * i - 1
        parts[i] = { a[at], a[at + 1], a[at + 2], a[at + 3], users, users + 2 * tonumber(a[at + 4]) }
        users = parts[i][6]
        if not (tonumber(a[at + 2]) < tonumber(a[at + 3])) then
            return nil
        end
    end
    local first_user = #a + 1 - users
    if first_user < first_row or (first_user - first_row) % 2 ~= 0 then
        return nil
    end
    return parts, first_row, first_user
end

-- segment, long_row, n_parts, (p, token, from, to, n_users) .., (row name, piece) .., (user, state) .. of each part
--   -> OK (name, length of a long row) .. | FENCED p | STALE p offset | SKIP p retired | GONE p
-- Several partitions at once, all or nothing: what they change in a row is appended once.
local function apply(_, a)
    local segment, long_row = a[1], tonumber(a[2])
    local parts, first_row, first_user = parts_of(a)
    if not parts or not long_row then
        return redis.error_reply('ERR tandem2_apply: malformed')
    end
    for _, part in ipairs(parts) do
        local answer, offset = refuse(part[1], part[2], segment)
        if answer then
            return answer
        elseif offset ~= part[3] then
            return { 'STALE', part[1], offset }
        end
    end
    local full = full_row(a, first_row, first_user, segment)
    if full then
        local view = string.match(full, '^[%w_]*')
        return redis.error_reply('FULL a row of ' .. view .. ' is as long as Redis lets it be: tandem-batch run begins a new one')
    end
    local answer = { 'OK' }
    local begun = string.format('%.0f', redis.call('HINCRBY', STATE, 'begun', 1))
    local done, why = pcall(function()
        append_rows(a, first_row, first_user, segment, long_row, answer)
        for _, part in ipairs(parts) do
            put_states(a, first_user + part[5], first_user + part[6], 'tandem:user:' .. segment .. ':' .. part[1])
        end
    end)
    if not done then
        poison()
        return redis.error_reply('ERR tandem2_apply: ' .. tostring(type(why) == 'table' and why.err or why))
    end
    for _, part in ipairs(parts) do
        redis.call('HSET', STATE, 's' .. part[1], segment, 'o' .. part[1], part[4])
    end
    redis.call('HSET', STATE, 'done', begun)
    return answer
end

-- p, token, segment, user .. -> OK state .. (nil: none here) | FENCED p | SKIP p retired | GONE p
-- ERR when there are more segments than SEGMENTS_MAX: each costs a look, and nothing runs beside it.
-- The newest state of each user among the segments `segment` down to the retired mark: one snapshot, so that a segment
-- is asked either whole or not at all while its keys are being freed.
local function states(_, a)
    local p, token, segment = unpack(a, 1, 3)
    local refusal, _, retired = refuse(p, token, segment)
    if refusal then
        return refusal
    end
    if tonumber(segment) - tonumber(retired) > SEGMENTS_MAX then
        return redis.error_reply('ERR segment ' .. segment .. ' is far above the retired ' .. retired)
    end
    local answer = { 'OK' }
    for s = tonumber(segment), tonumber(retired), -1 do
        local key = 'tandem:user:' .. string.format('%.0f', s) .. ':' .. p
        if redis.call('EXISTS', key) == 1 then
            for first = 4, #a, AT_ONCE do
                local found = redis.call('HMGET', key, unpack(a, first, math.min(first + AT_ONCE - 1, #a)))
                for i = 1, #found do
                    answer[first + i - 3] = answer[first + i - 3] or found[i]
                end
            end
        end
    end
    for i = 2, #a - 2 do
        answer[i] = answer[i] or false -- a nil would end the array
    end
    return answer
end

-- epoch, segment: nothing about this row may be changed any more when false.
local function alive(epoch, segment)
    local state = redis.call('HMGET', STATE, 'epoch', 'retired')
    return state[1] == epoch and tonumber(segment) >= tonumber(state[2])
end

-- epoch, segment, row name -> OK generation content | MOVED
-- For compaction: a row as it is.
local function row(_, a)
    local epoch, segment, name = unpack(a)
    if not alive(epoch, segment) then
        return { 'MOVED' }
    end
    return {
        'OK',
        redis.call('HGET', 'tandem:gen:' .. segment, name) or '0',
        redis.call('GET', 'tandem:row:' .. segment .. ':' .. name) or '',
    }
end

-- epoch, segment, row name, generation, length, content -> OK | MOVED
-- Puts `content` for the first `length` bytes of the row, which it sums up. What was appended since stays behind it.
local function swap(_, a)
    local epoch, segment, name, generation, length, content = unpack(a)
    local row, generations = 'tandem:row:' .. segment .. ':' .. name, 'tandem:gen:' .. segment
    length = tonumber(length)
    if not alive(epoch, segment)
        or (redis.call('HGET', generations, name) or '0') ~= generation
        or redis.call('STRLEN', row) < length then
        return { 'MOVED' }
    end
    redis.call('SET', row, content .. redis.call('GETRANGE', row, length, -1))
    redis.call('HINCRBY', generations, name, 1)
    return { 'OK' }
end

-- deployment, epoch_candidate, N -> OK epoch | FOREIGN deployment
local function drop(_, a)
    local epoch, retired = own(a[1], a[2], a[3])
    if not epoch then
        return { 'FOREIGN', retired }
    end
    redis.call('HSET', STATE, 'retired', larger(retired, a[3]))
    return { 'OK', epoch }
end

-- epoch, N, key .. -> OK | MOVED
-- Frees keys of segments below N, but only while they are retired: the server may have come back with an older mark.
local function free(_, a)
    local state = redis.call('HMGET', STATE, 'epoch', 'retired')
    if state[1] ~= a[1] or tonumber(state[2]) < tonumber(a[2]) then
        return { 'MOVED' }
    end
    for first = 3, #a, AT_ONCE do
        redis.call('UNLINK', unpack(a, first, math.min(first + AT_ONCE - 1, #a)))
    end
    return { 'OK' }
end

redis.register_function('tandem2_claim', claim)
redis.register_function('tandem2_apply', apply)
redis.register_function('tandem2_states', states)
redis.register_function('tandem2_row', row)
redis.register_function('tandem2_swap', swap)
-- These free memory or need next to none, so a server that has none left must do them, too.
redis.register_function{ function_name = 'tandem2_drop', callback = drop, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'tandem2_require', callback = require, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'tandem2_free', callback = free, flags = { 'allow-oom' } }
