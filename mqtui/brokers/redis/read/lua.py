"""Lua scripts that read streams in the server, where sending the entries themselves would cost too much."""

from __future__ import annotations

IN_STREAM = """
local out = {}
for i = 1, #ARGV do out[i] = #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) end
return out
"""
"""KEYS: stream. ARGV: ids. Returns 1 for each id that is in the stream, else 0."""

STREAM_INFO = """
local infos, bytes_left = {}, tonumber(ARGV[1])
for k = 1, #KEYS do
  if bytes_left < 0 then break end
  local reply, last, first, added = redis.pcall('XINFO', 'STREAM', KEYS[k]), '', '', -1
  for i = 1, #reply, 2 do
    local value = reply[i + 1]
    if reply[i] == 'last-generated-id' then last = value end
    if reply[i] == 'entries-added' then added = value end
    if (reply[i] == 'first-entry' or reply[i] == 'last-entry') and value then
      if reply[i] == 'first-entry' then first = value[1] end
      for j = 1, #value[2] do bytes_left = bytes_left - #value[2][j] end
    end
  end
  infos[k] = not reply.err and {last, first, added}
end
return infos
"""
"""KEYS: streams. ARGV: how many bytes of first and last entries to visit at most.

Returns for each stream its last generated id, the id of its first entry ('' where it is empty) and how many entries
were ever added (-1 before Redis 7); nil for a stream that can't be read. Streams beyond the byte limit are left out.
XINFO STREAM reads the first and last entry in the server; they are not sent."""

COUNT = """
local first, most, bytes_left, seen, window = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), 0, 8
while seen < most and bytes_left > 0 do
  local found, size = redis.call('XRANGE', KEYS[1], first, ARGV[2], 'COUNT', math.min(window, most - seen)), 0
  if #found == 0 then return {seen, ''} end
  for i = 1, #found do
    local fields = found[i][2]
    for j = 1, #fields do size = size + #fields[j] end
  end
  seen, bytes_left, first = seen + #found, bytes_left - size, '(' .. found[#found][1]
  window = math.max(1, math.min(256, window * 2, math.floor(bytes_left * #found / (size + 1))))
end
return {seen, string.sub(first, 2)}
"""
"""KEYS: stream. ARGV: first and last id as XRANGE takes them, then how many entries and bytes to visit at most.

Returns how many entries were counted and the last id counted; '' as the id where the range was counted to its end.
Pages grow from 8 to 256 entries as far as the bytes left allow; entries are read in the server and not sent."""
