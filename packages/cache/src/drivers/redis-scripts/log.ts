import type { Script } from './script.ts'

// The log is a counter, KEYS[1], and a list of records, KEYS[2], the newest first. A record is JSON: its keys, its message,
// and its prefix if it has one.

/**
 * Defines `begin()`, for a log that is not there. One that was lost, by a restart or with time, must not come to a position
 * that somebody has read before: a log begins at the number of microseconds since the epoch, which none outruns.
 */
const BEGIN = `
local function begin()
  local time = redis.call('TIME')
  local position = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[1], position, 'PX', ${7 * 86_400_000})
  redis.call('DEL', KEYS[2])
  return position
end
`

/** Defines `since(position, known)`: the records after `known`, the newest first; nil where some of them are gone. */
const SINCE = `
local function since(position, known)
  local missed = position and known and position - known
  if not missed or missed < 0 or missed > redis.call('LLEN', KEYS[2]) then return nil end
  if missed == 0 then return {} end
  return redis.call('LRANGE', KEYS[2], 0, missed - 1)
end
`

/**
 * KEYS[3…] keys to set, keys to delete, leases to end; ARGV record, records kept, milliseconds kept, how many keys to set,
 * how many to delete, then value and milliseconds of each key to set. Returns how many of those to delete existed.
 */
export const APPEND: Script = {
  name: 'append',
  lua: `
${BEGIN}
local sets, deletes = tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 1, sets do
  redis.call('SET', KEYS[2 + i], ARGV[4 + i * 2], 'PX', ARGV[5 + i * 2])
end
local deleted = 0
for i = 3 + sets, 2 + sets + deletes do
  deleted = deleted + redis.call('DEL', KEYS[i])
end
for i = 3 + sets + deletes, #KEYS do
  redis.call('DEL', KEYS[i])
end
if redis.call('INCR', KEYS[1]) == 1 then
  begin()
  redis.call('INCR', KEYS[1])
end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, ARGV[2] - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PUBLISH', KEYS[1], '')
return deleted
`,
}

/**
 * ARGV a position, or empty for none. Returns {end} or, where nothing is missing, {end, records}. Begins a log that is not
 * there, so that every position is one of a log.
 */
export const READ_SINCE: Script = {
  name: 'read-since',
  lua: `
${BEGIN}
${SINCE}
local position = redis.call('GET', KEYS[1]) or begin()
local records = since(tonumber(position), tonumber(ARGV[1]))
if records then return {position, records} end
return {position}
`,
}

/**
 * KEYS[3…] the entries' keys; ARGV the position at which they were read, then value and milliseconds of each. Returns 1 for
 * each that was written, else 0.
 */
export const COMMIT_SINCE: Script = {
  name: 'commit-since',
  lua: `
${SINCE}
local written = {}
for i = 3, #KEYS do written[i - 2] = 0 end
local records = since(tonumber(redis.call('GET', KEYS[1])), tonumber(ARGV[1]))
if not records then return written end
local touched, prefixes = {}, {}
for _, text in ipairs(records) do
  local readable, record = pcall(cjson.decode, text)
  if not readable or type(record) ~= 'table' or type(record[1]) ~= 'table' then return written end
  for _, key in ipairs(record[1]) do touched[key] = true end
  if record[3] then table.insert(prefixes, record[3]) end
end
for i = 3, #KEYS do
  local key = KEYS[i]
  local keep = not touched[key]
  for _, prefix in ipairs(prefixes) do
    if string.sub(key, 1, #prefix) == prefix then keep = false end
  end
  if keep then
    redis.call('SET', key, ARGV[i * 2 - 4], 'PX', ARGV[i * 2 - 3])
    written[i - 2] = 1
  end
end
return written
`,
}
