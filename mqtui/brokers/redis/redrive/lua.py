"""The Lua scripts that move, store, remove and claim entries. Scripts do not roll back (D4).

So each of them checks first what may be refused, then writes, and returns one outcome an id. The outcomes of `MOVE` and
`STORE`: a new id (stored, and removed from the source), `+id` (stored, and kept in the source because another group
needs it), empty (not in the source), `=` (handled before), `!reason` (refused). The first element of their reply is the
number of outcomes that are not just a new id.
"""

from __future__ import annotations

MAX_MOVE_LOGS = 1000
"""How many move logs the index of a source names. When there are more, the index is emptied."""

MOVE_LOG_LENGTH = 128
"""Script calls that a move log keeps: more than those for the letters that a run may have in flight to one target
(3 batches of 5,000 letters or 4 MiB each, at most 500 letters, 1 MB and 50,000 parts a call)."""

IS_LATER = """
local function is_later(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  -- as text: Lua's numbers are doubles, which hold no 64-bit integers
  if #am ~= #bm then return #am > #bm end
  if am ~= bm then return am > bm end
  if #as ~= #bs then return #as > #bs end
  return as > bs
end
"""
"""Compares two entry ids."""

LOG_MOVES = f"""
local function log_moves(key, moved, ttl)
  if #moved == 0 then return end
  local pushed = redis.pcall('LPUSH', key, table.concat(moved, ' '))
  if type(pushed) == 'table' then return end
  redis.pcall('LTRIM', key, 0, {MOVE_LOG_LENGTH - 1})
  redis.pcall('EXPIRE', key, ttl)
end
"""
"""Adds a line to a move log: pairs of the id in the source and the id in the target, `-` where the target is elsewhere.
A missing right to the log costs the line, not the move."""

FUNCTIONS = (
    LOG_MOVES
    + IS_LATER
    + """
local function read_groups(stream)
  local reply, groups = redis.pcall('XINFO', 'GROUPS', stream), {}
  if reply.err then return groups end
  for g = 1, #reply do
    local group = {}
    for i = 1, #reply[g], 2 do group[reply[g][i]] = reply[g][i + 1] end
    groups[g] = group
  end
  return groups
end
local function is_needed(stream, groups, id)
  for g = 1, #groups do
    local group = groups[g]
    if is_later(id, group['last-delivered-id']) then return true end
    if group['pending'] > 0 and #redis.call('XPENDING', stream, group['name'], id, id, 1) > 0 then return true end
  end
  return false
end
"""
)
"""`is_needed`: a group has the entry pending, or was not given it yet, so XDEL would take it from that group (D1)."""

MOVE = (
    FUNCTIONS
    + """
local src, dst, handled_set = KEYS[1], KEYS[2], KEYS[3]
-- what may be refused is tried before the first letter is stored: these change nothing
redis.call('XDEL', src, '0-0')
redis.call('XRANGE', src, '0-0', '0-0')
redis.call('SISMEMBER', handled_set, '-')
if redis.call('TYPE', dst).ok ~= 'stream' then return redis.error_reply('NOTARGET there is no such stream') end
local strips, adds, at = tonumber(ARGV[2]), tonumber(ARGV[3]), 3
local strip, extra = {}, {}
for i = at + 1, at + strips do strip[ARGV[i]] = true end
at = at + strips
for i = at + 1, at + adds do extra[#extra + 1] = ARGV[i] end
at = at + adds
local n, groups, has_handled = #ARGV - at, read_groups(src), redis.call('EXISTS', handled_set) == 1
if #groups > 0 then redis.call('XPENDING', src, groups[1]['name'], '0-0', '0-0', 1) end
-- lengths are counted beside the tables: `#` searches, and a call of a function costs, for each of 500 letters
local out, outs, removed, removals, moved, moves = {0}, 1, {}, 0, {}, 0
local special, marked, is_changed, pcall, xadd = 0, false, strips + adds > 0, redis.pcall, 'XADD'
local function changed(fields)
  local result, length = {}, 0
  for i = 1, #fields, 2 do
    local name = fields[i]
    if not strip[name] then
      result[length + 1], result[length + 2] = name, fields[i + 1]
      length = length + 2
    end
  end
  for i = 1, adds do result[length + i] = extra[i] end
  return result
end
local function report(outcome)
  special, outs = special + 1, outs + 1
  out[outs] = outcome
end
local function move(id, fields)
  if has_handled and redis.call('SISMEMBER', handled_set, id) == 1 then return report('=') end
  if is_changed then fields = changed(fields) end
  if fields[1] == nil then return report('!no field would be left') end
  local stays = #groups > 0 and is_needed(src, groups, id)
  if stays then
    -- marked before it is stored: an entry that stays without a mark would be moved again
    local added = redis.pcall('SADD', handled_set, id)
    if type(added) == 'table' then return report('!' .. added.err) end
    marked = true
  end
  local new = pcall(xadd, dst, 'NOMKSTREAM', '*', unpack(fields))
  if type(new) == 'table' then
    if stays then redis.call('SREM', handled_set, id) end
    return report('!' .. new.err)
  end
  moved[moves + 1], moved[moves + 2] = id, new
  moves = moves + 2
  if stays then return report('+' .. new) end
  removals, outs = removals + 1, outs + 1
  removed[removals], out[outs] = id, new
end
local i, window = 1, 16
while i <= n do
  local found, hits = redis.call('XRANGE', src, ARGV[at + i], ARGV[at + n], 'COUNT', window), 0
  for f = 1, #found do
    local id = found[f][1]
    while i <= n and ARGV[at + i] ~= id and is_later(id, ARGV[at + i]) do
      report('')
      i = i + 1
    end
    if i <= n and ARGV[at + i] == id then
      move(id, found[f][2])
      i, hits = i + 1, hits + 1
    end
  end
  if #found < window then
    while i <= n do
      report('')
      i = i + 1
    end
  end
  window = math.max(1, math.min(512, hits * 2))
end
if removals > 0 then redis.call('XDEL', src, unpack(removed)) end
if marked then redis.pcall('EXPIRE', handled_set, ARGV[1]) end
log_moves(KEYS[4], moved, ARGV[1])
out[1] = special
return out
"""
)
"""Stores letters in a target of the source's slot and removes them from the source.

KEYS: source, target, handled set, move log. ARGV: time to live of the last two in seconds, number of stripped field
names, number of added parts, those names, those parts, then ids in ascending order. The script reads the entries from
the source itself: in windows that grow with the share of wanted ids, so that it does not read all between scattered
ones."""

STORE = """
local dst, stored_set = KEYS[1], KEYS[2]
if redis.call('TYPE', dst).ok ~= 'stream' then return redis.error_reply('NOTARGET there is no such stream') end
local out, special, at = {0}, 0, 2
while at <= #ARGV do
  local id, parts = ARGV[at], tonumber(ARGV[at + 1])
  local outcome
  if redis.call('SADD', stored_set, id) == 0 then
    outcome = '='
  else
    local new = redis.pcall('XADD', dst, 'NOMKSTREAM', '*', unpack(ARGV, at + 2, at + 1 + parts))
    if type(new) == 'table' then
      redis.call('SREM', stored_set, id)
      outcome = '!' .. new.err
    else
      out[#out + 1] = new
    end
  end
  if outcome then
    special = special + 1
    out[#out + 1] = outcome
  end
  at = at + 2 + parts
end
redis.call('EXPIRE', stored_set, ARGV[1])
out[1] = special
return out
"""
"""Stores letters in a target of another slot (D5), each once a run.

KEYS: target, stored set of the run. ARGV: time to live of the set, then for each letter its id, the number of parts and
the parts."""

PRESENT = """
local out = {}
local has_handled = redis.call('EXISTS', KEYS[2]) == 1
for i = 1, #ARGV do
  if #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 0 then
    out[i] = 0
  elseif has_handled and redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 1 then
    out[i] = 2
  else
    out[i] = 1
  end
end
return out
"""
"""KEYS: source, handled set. ARGV: ids. Returns 1 for each that is in the source, 0 gone, 2 handled before."""

REMOVE_FUNCTION = (
    FUNCTIONS
    + """
local function remove(src, handled_set, move_log, ttl, first, last, new)
  redis.call('XDEL', src, '0-0')
  redis.call('XRANGE', src, '0-0', '0-0')
  local groups, out, removed, marked = read_groups(src), {}, {}, false
  if #groups > 0 then redis.call('XPENDING', src, groups[1]['name'], '0-0', '0-0', 1) end
  for i = first, last do
    local id, outcome = ARGV[i], nil
    if #groups > 0 and is_needed(src, groups, id) then
      if #redis.call('XRANGE', src, id, id) == 0 then
        outcome = 0
      else
        local added = redis.pcall('SADD', handled_set, id)
        outcome, marked = type(added) == 'table' and -1 or 2, true
      end
    else
      outcome = redis.call('XDEL', src, id)
    end
    out[#out + 1] = outcome
    if outcome > 0 then
      removed[#removed + 1] = id
      removed[#removed + 1] = new
    end
  end
  if marked then redis.pcall('EXPIRE', handled_set, ttl) end
  log_moves(move_log, removed, ttl)
  return out
end
"""
)

REMOVE = REMOVE_FUNCTION + "return remove(KEYS[1], KEYS[2], KEYS[3], ARGV[1], 2, #ARGV, '-')\n"
"""KEYS: source, handled set, move log. ARGV: time to live of the last two, then ids.

Returns for each id 1 removed, 0 gone, 2 kept and added to the handled set, -1 kept, and could not be added."""

NEWEST_FUNCTION = """
local function newest(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  if last[1] then return redis.sha1hex(table.concat(last[1][2], '\\0')), last[1][1] end
end
"""

FINISH_MOVE = (
    REMOVE_FUNCTION
    + NEWEST_FUNCTION
    + """
local digest, new = newest(KEYS[4])
if digest ~= ARGV[3] then return {-1} end
return remove(KEYS[1], KEYS[2], KEYS[3], ARGV[1], 2, 2, new)
"""
)
"""Ends a transaction that began with XADD to a target in the source's slot: as `REMOVE`, if the target's newest entry
is the letter. KEYS: source, handled set, move log, target. ARGV: time to live, id, SHA-1 of the letter's parts."""

FINISH_STORE = (
    NEWEST_FUNCTION
    + """
if newest(KEYS[1]) ~= ARGV[3] then return {-1} end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return {1}
"""
)
"""Ends a transaction that began with XADD to a target in another slot: adds the id to the run's stored set, if the
target's newest entry is the letter. KEYS: target, stored set. ARGV as `FINISH_MOVE`."""

CLAIM = """
local src, handled_set, claims, run, out = KEYS[1], KEYS[2], KEYS[3], ARGV[1], {}
-- XDEL is allowed in a full Redis, and once a script has written, so are its other writes
redis.call('XDEL', src, '0-0')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', claims, '@' .. run, (now + ARGV[3]) .. ' ' .. ARGV[2])
redis.call('EXPIRE', claims, ARGV[4])
local has_handled = redis.call('EXISTS', handled_set) == 1
local function owner_of(id)
  local owner = redis.call('HGET', claims, id)
  if not owner or owner == run then return '', false end
  local heartbeat = redis.call('HGET', claims, '@' .. owner) or ''
  local expires_at = tonumber(string.match(heartbeat, '^%d+'))
  return owner .. ' ' .. string.gsub(heartbeat, '^%d+ ', ''), expires_at and expires_at > now
end
for i = 5, #ARGV do
  local id = ARGV[i]
  if #redis.call('XRANGE', src, id, id) == 0 then
    out[#out + 1] = '-'
  elseif has_handled and redis.call('SISMEMBER', handled_set, id) == 1 then
    out[#out + 1] = '='
  else
    local owner, is_alive = owner_of(id)
    if not is_alive then redis.call('HSET', claims, id, run) end
    out[#out + 1] = (is_alive and '!' or '+') .. owner
  end
end
return out
"""
"""Claims letters for a run and renews its heartbeat, by the server's clock. Without ids it only renews the heartbeat.

KEYS: source, handled set, claims. ARGV: run, its owner, time to live of the heartbeat in ms and of the claims in
seconds, then ids. Returns for each id `-` not in the source, `=` handled before, `+` claimed (with the signature of the
run that had claimed it and is gone), `!` with the signature of the run that has claimed it."""

OPEN_MOVE_LOG = f"""
redis.pcall('XDEL', KEYS[4], '0-0')
local known = redis.pcall('HLEN', KEYS[3])
if type(known) == 'number' and known >= {MAX_MOVE_LOGS} then redis.pcall('DEL', KEYS[3]) end
redis.pcall('HSET', KEYS[3], KEYS[1], ARGV[2])
redis.pcall('EXPIRE', KEYS[3], ARGV[1])
local lines = redis.pcall('LRANGE', KEYS[1], 0, -1)
if lines.err or #lines == 0 then return 0 end
for i = #lines, 1, -1 do
  local pushed = redis.pcall('LPUSH', KEYS[2], lines[i])
  if type(pushed) == 'table' then return 0 end
end
redis.pcall('DEL', KEYS[1])
redis.pcall('EXPIRE', KEYS[2], ARGV[1])
return #lines
"""
"""Before a run begins or is resumed: adds its move log to the index of the source, and puts the lines of the run's
earlier processes aside, so that there is room for those of this one.

KEYS: move log, that of the earlier processes, index, source. ARGV: time to live of all three, signature of the run."""
