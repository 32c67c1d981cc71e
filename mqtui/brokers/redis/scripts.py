"""The Lua scripts. They do not roll back (D4): each checks first, then writes, and gives one outcome an id.

Outcomes of letters: a new id (stored, and removed from the source), `+id` (stored, stays in the source under a mark),
`` (not in the source), `=` (handled before), `!reason` (refused). An answer's first element counts all but new ids.
"""

from __future__ import annotations

LATER = """
local function later(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if #am ~= #bm then return #am > #bm end
  if am ~= bm then return am > bm end
  if #as ~= #bs then return #as > #bs end
  return as > bs
end
"""

RECORDS_KNOWN = 1000
"""Records of a source that are known by name; with more of them they are forgotten at once."""

RECORD_LENGTH = 128
"""Script calls that a record keeps: more than the letters of one target that a run may have in hand (3 batches of 5,000
letters or 4 MiB each, at most 500 letters, 1 MB and 50,000 parts a call)."""

RECORD = f"""
local function record(key, moved, life)
  if #moved == 0 then return end
  local pushed = redis.pcall('LPUSH', key, table.concat(moved, ' '))
  if type(pushed) == 'table' then return end
  redis.pcall('LTRIM', key, 0, {RECORD_LENGTH - 1})
  redis.pcall('EXPIRE', key, life)
end
"""
"""Keeps what a call moved: pairs of the id in the source and the id in the target, `-` where the target is elsewhere.
A missing right to the list costs the record, not the move."""

GROUPS = (
    RECORD
    + LATER
    + """
local function readers(stream)
  local told, found = redis.pcall('XINFO', 'GROUPS', stream), {}
  if told.err then return found end
  for g = 1, #told do
    local one = {}
    for i = 1, #told[g], 2 do one[told[g][i]] = told[g][i + 1] end
    found[g] = one
  end
  return found
end
local function needed(stream, groups, id)
  for g = 1, #groups do
    local one = groups[g]
    if later(id, one['last-delivered-id']) then return true end
    if one['pending'] > 0 and #redis.call('XPENDING', stream, one['name'], id, id, 1) > 0 then return true end
  end
  return false
end
"""
)

MOVE = (
    GROUPS
    + """
local src, dst, stays = KEYS[1], KEYS[2], KEYS[3]
redis.call('XDEL', src, '0-0')
redis.call('XRANGE', src, '0-0', '0-0')
redis.call('SISMEMBER', stays, '-')
if redis.call('TYPE', dst).ok ~= 'stream' then return redis.error_reply('NOTARGET there is no such stream') end
local strips, adds, at = tonumber(ARGV[2]), tonumber(ARGV[3]), 3
local strip, extra = {}, {}
for i = at + 1, at + strips do strip[ARGV[i]] = true end
at = at + strips
for i = at + 1, at + adds do extra[#extra + 1] = ARGV[i] end
at = at + adds
local n, groups, marked = #ARGV - at, readers(src), redis.call('EXISTS', stays) == 1
if #groups > 0 then redis.call('XPENDING', src, groups[1]['name'], '0-0', '0-0', 1) end
local out, removed, moved, special, marking = {0}, {}, {}, 0, false
local function kept(fields)
  if strips == 0 and adds == 0 then return fields end
  local some = {}
  for i = 1, #fields, 2 do
    if not strip[fields[i]] then
      some[#some + 1] = fields[i]
      some[#some + 1] = fields[i + 1]
    end
  end
  for i = 1, #extra do some[#some + 1] = extra[i] end
  return some
end
local function note(text)
  special = special + 1
  out[#out + 1] = text
end
local function move(id, fields)
  if marked and redis.call('SISMEMBER', stays, id) == 1 then return note('=') end
  fields = kept(fields)
  if #fields == 0 then return note('!no field would be left') end
  local remains = #groups > 0 and needed(src, groups, id)
  if remains then
    local noted = redis.pcall('SADD', stays, id)
    if type(noted) == 'table' then return note('!' .. noted.err) end
    marking = true
  end
  local new = redis.pcall('XADD', dst, 'NOMKSTREAM', '*', unpack(fields))
  if type(new) == 'table' then
    if remains then redis.call('SREM', stays, id) end
    return note('!' .. new.err)
  end
  moved[#moved + 1] = id
  moved[#moved + 1] = new
  if remains then return note('+' .. new) end
  removed[#removed + 1] = id
  out[#out + 1] = new
end
local i, window = 1, 16
while i <= n do
  local found, hits = redis.call('XRANGE', src, ARGV[at + i], ARGV[at + n], 'COUNT', window), 0
  for f = 1, #found do
    local id = found[f][1]
    while i <= n and ARGV[at + i] ~= id and later(id, ARGV[at + i]) do
      note('')
      i = i + 1
    end
    if i <= n and ARGV[at + i] == id then
      move(id, found[f][2])
      i, hits = i + 1, hits + 1
    end
  end
  if #found < window then
    while i <= n do
      note('')
      i = i + 1
    end
  end
  window = math.max(1, math.min(512, hits * 2))
end
if #removed > 0 then redis.call('XDEL', src, unpack(removed)) end
if marking then redis.pcall('EXPIRE', stays, ARGV[1]) end
record(KEYS[4], moved, ARGV[1])
out[1] = special
return out
"""
)
"""KEYS source, target, mark of what stays, record. ARGV: their life in seconds, number of stripped names, of added
parts, the names, the parts, then ids in order. Reads the source itself, as many entries at once as prove wanted.

What may be refused is asked for before the first letter is stored, or its refusal is that letter's."""

STORE = """
local dst, mark = KEYS[1], KEYS[2]
if redis.call('TYPE', dst).ok ~= 'stream' then return redis.error_reply('NOTARGET there is no such stream') end
local out, special, at = {0}, 0, 2
while at <= #ARGV do
  local id, parts = ARGV[at], tonumber(ARGV[at + 1])
  local said
  if redis.call('SADD', mark, id) == 0 then
    said = '='
  else
    local new = redis.pcall('XADD', dst, 'NOMKSTREAM', '*', unpack(ARGV, at + 2, at + 1 + parts))
    if type(new) == 'table' then
      redis.call('SREM', mark, id)
      said = '!' .. new.err
    else
      out[#out + 1] = new
    end
  end
  if said then
    special = special + 1
    out[#out + 1] = said
  end
  at = at + 2 + parts
end
redis.call('EXPIRE', mark, ARGV[1])
out[1] = special
return out
"""
"""D5, in the target's slot. KEYS target, mark of the run. ARGV: the mark's life, then for each letter its id, the
number of parts, the parts."""

PRESENT = """
local out = {}
local marked = redis.call('EXISTS', KEYS[2]) == 1
for i = 1, #ARGV do
  if #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 0 then
    out[i] = 0
  elseif marked and redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 1 then
    out[i] = 2
  else
    out[i] = 1
  end
end
return out
"""
"""KEYS source, mark of what stays. ARGV ids. Gives 1 in the source, 0 gone, 2 handled before."""

IN_STREAM = """
local out = {}
for i = 1, #ARGV do out[i] = #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) end
return out
"""
"""KEYS stream. ARGV ids. Gives 1 for each that is there, else 0."""

RELEASING = (
    GROUPS
    + """
local function release(src, stays, kept, life, first, last, new)
  redis.call('XDEL', src, '0-0')
  redis.call('XRANGE', src, '0-0', '0-0')
  local groups, out, removed, marking = readers(src), {}, {}, false
  if #groups > 0 then redis.call('XPENDING', src, groups[1]['name'], '0-0', '0-0', 1) end
  for i = first, last do
    local id, said = ARGV[i], nil
    if #groups > 0 and needed(src, groups, id) then
      if #redis.call('XRANGE', src, id, id) == 0 then
        said = 0
      else
        local noted = redis.pcall('SADD', stays, id)
        said, marking = type(noted) == 'table' and -1 or 2, true
      end
    else
      said = redis.call('XDEL', src, id)
    end
    out[#out + 1] = said
    if said > 0 then
      removed[#removed + 1] = id
      removed[#removed + 1] = new
    end
  end
  if marking then redis.pcall('EXPIRE', stays, life) end
  record(kept, removed, life)
  return out
end
"""
)

RELEASE = RELEASING + "return release(KEYS[1], KEYS[2], KEYS[3], ARGV[1], 2, #ARGV, '-')\n"
"""KEYS source, mark of what stays, record. ARGV: their life, then ids. 1 removed, 0 gone, 2 stays under the mark,
-1 stays, and could not be marked."""

NEWEST = """
local function newest(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  if last[1] then return redis.sha1hex(table.concat(last[1][2], '\\0')), last[1][1] end
end
"""

FINISH = (
    RELEASING
    + NEWEST
    + """
local digest, new = newest(KEYS[4])
if digest ~= ARGV[3] then return {-1} end
return release(KEYS[1], KEYS[2], KEYS[3], ARGV[1], 2, 2, new)
"""
)
"""The end of a transaction that began with XADD to a target in the source's slot: RELEASE, if the target's newest entry
is the letter. KEYS source, mark of what stays, record, target. ARGV: their life, id, SHA-1 of the letter's parts."""

MARK = (
    NEWEST
    + """
if newest(KEYS[1]) ~= ARGV[3] then return {-1} end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return {1}
"""
)
"""The end of a transaction that began with XADD to a target in another slot than the source: the mark of the run. KEYS
target, mark. ARGV as FINISH."""

CLAIM = """
local src, stays, claims, run, out = KEYS[1], KEYS[2], KEYS[3], ARGV[1], {}
redis.call('XDEL', src, '0-0')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', claims, '@' .. run, (now + ARGV[3]) .. ' ' .. ARGV[2])
redis.call('EXPIRE', claims, ARGV[4])
local marked = redis.call('EXISTS', stays) == 1
local function owned(id)
  local owner = redis.call('HGET', claims, id)
  if not owner or owner == run then return '', false end
  local told = redis.call('HGET', claims, '@' .. owner) or ''
  local until_ms = tonumber(string.match(told, '^%d+'))
  return owner .. ' ' .. string.gsub(told, '^%d+ ', ''), until_ms and until_ms > now
end
for i = 5, #ARGV do
  local id = ARGV[i]
  if #redis.call('XRANGE', src, id, id) == 0 then
    out[#out + 1] = '-'
  elseif marked and redis.call('SISMEMBER', stays, id) == 1 then
    out[#out + 1] = '='
  else
    local owner, alive = owned(id)
    if not alive then redis.call('HSET', claims, id, run) end
    out[#out + 1] = (alive and '!' or '+') .. owner
  end
end
return out
"""
"""KEYS source, mark of what stays, claims. ARGV: run, who it is, how long its word counts in ms, the table's life, ids.

By the server's own clock. Gives `-` not in the source, `=` handled before, `+` claimed (with the run that claimed it
before and is gone), `!` and the run that holds it. Without ids it renews the run's word. The first command that writes
may run in a full Redis, and lets the next ones."""

ENDS = """
local ends, room = {}, tonumber(ARGV[1])
for k = 1, #KEYS do
  if room < 0 then break end
  local told, last, first, added = redis.pcall('XINFO', 'STREAM', KEYS[k]), '', '', -1
  for i = 1, #told, 2 do
    local value = told[i + 1]
    if told[i] == 'last-generated-id' then last = value end
    if told[i] == 'entries-added' then added = value end
    if (told[i] == 'first-entry' or told[i] == 'last-entry') and value then
      if told[i] == 'first-entry' then first = value[1] end
      for j = 1, #value[2] do room = room - #value[2][j] end
    end
  end
  ends[k] = not told.err and {last, first, added}
end
return ends
"""
"""KEYS streams. ARGV bytes of entries to go through at most. Gives of each the last id it generated, the first it holds
or ``, and how many it ever got or -1 (before Redis 7); nil where that one can't be asked, nothing for those that were
not come to. Entries are read in the server and not sent."""

COUNT = """
local first, most, room, seen, window = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), 0, 8
while seen < most and room > 0 do
  local found, size = redis.call('XRANGE', KEYS[1], first, ARGV[2], 'COUNT', math.min(window, most - seen)), 0
  if #found == 0 then return {seen, ''} end
  for i = 1, #found do
    local fields = found[i][2]
    for j = 1, #fields do size = size + #fields[j] end
  end
  seen, room, first = seen + #found, room - size, '(' .. found[#found][1]
  window = math.max(1, math.min(256, window * 2, math.floor(room * #found / (size + 1))))
end
return {seen, string.sub(first, 2)}
"""
"""KEYS stream. ARGV first and last id as XRANGE takes them, how many entries and bytes at most. Gives how many there
are and the last id counted; `` where these are all. Entries are read in the server and not sent."""

OPEN_RECORD = f"""
redis.pcall('XDEL', KEYS[4], '0-0')
local known = redis.pcall('HLEN', KEYS[3])
if type(known) == 'number' and known >= {RECORDS_KNOWN} then redis.pcall('DEL', KEYS[3]) end
redis.pcall('HSET', KEYS[3], KEYS[1], ARGV[2])
redis.pcall('EXPIRE', KEYS[3], ARGV[1])
local told = redis.pcall('LRANGE', KEYS[1], 0, -1)
if told.err or #told == 0 then return 0 end
for i = #told, 1, -1 do
  local pushed = redis.pcall('LPUSH', KEYS[2], told[i])
  if type(pushed) == 'table' then return 0 end
end
redis.pcall('DEL', KEYS[1])
redis.pcall('EXPIRE', KEYS[2], ARGV[1])
return #told
"""
"""Before a run begins or goes on: its record is named among those of the source, and what its earlier processes moved
is put aside, so that there is room for this one. KEYS record, record of the earlier processes, names of the source's
records, source. ARGV: their life, the run and who it is of."""


def call(script: str, keys: tuple[bytes, ...], *arguments: bytes | str | int) -> tuple[bytes | str | int, ...]:
    """The command that runs a script. The text goes along, so that a restarted server needs nothing loaded."""
    return ("EVAL", script, len(keys), *keys, *arguments)
