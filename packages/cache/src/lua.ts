// What the engine has the store do atomically. Loaded when a store is first asked to: a cache in memory needs none of it.
import type { Script } from './driver.ts'

export { RATE_LIMIT } from './rate-limit-script.ts'

/** Invalidations that are remembered; who has missed more drops everything it holds. */
const LOG_LENGTH = 1000
const LOG_TTL_MS = 7 * 86_400_000

// KEYS[1] sequence, KEYS[2] log; ARGV[1] message. The rest differs.
const APPEND = `
local seq = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ${LOG_TTL_MS})
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, ${LOG_LENGTH - 1})
redis.call('PEXPIRE', KEYS[2], ${LOG_TTL_MS})
redis.call('PUBLISH', KEYS[1], seq)
`

/** Drops keys 3…, and writes it into the log. Returns how many existed, of the values among them (every other key). */
export const DELETE: Script = {
  name: 'delete',
  lua: `
local count = 0
for i = 3, #KEYS, 2 do
  count = count + redis.call('DEL', KEYS[i])
  redis.call('DEL', KEYS[i + 1])
end
${APPEND}
return count
`,
}

/** A message for the log alone: a pattern that has been dropped, key by key. */
export const ANNOUNCE: Script = { name: 'announce', lua: `${APPEND}\nreturn seq` }

/** A tag's new stamp. KEYS[3] tag; ARGV[2] stamp, ARGV[3] its time to live. */
export const STAMP: Script = {
  name: 'stamp',
  lua: `redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])\n${APPEND}\nreturn seq`,
}

/** What has been written to the log since ARGV[1], the newest first; `false` in place of it when that is not known. */
export const READ_LOG: Script = {
  name: 'read-log',
  lua: `
local seq = tonumber(redis.call('GET', KEYS[1]) or '0')
local known = tonumber(ARGV[1])
local missed = seq - known
if missed == 0 then return {seq, {}} end
if missed < 0 or missed > ${LOG_LENGTH} then return {seq, false} end
return {seq, redis.call('LRANGE', KEYS[2], 0, missed - 1)}
`,
}

/**
 * Takes the lease of a load, or says who has it. KEYS[1] value, KEYS[2] lock; ARGV[1] token, ARGV[2] lease.
 * Returns {1 mine | 0 somebody's | 2 somebody's has failed, value}.
 */
export const ACQUIRE: Script = {
  name: 'acquire',
  lua: `
local value = redis.call('GET', KEYS[1])
local holder = redis.call('GET', KEYS[2])
if holder == 'failed' then return {2, value} end
if holder then return {0, value} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {1, value}
`,
}

/** Keeps the lease. */
export const RENEW: Script = {
  name: 'renew',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`,
}

/** Writes what was loaded, unless an invalidation took the lease away, and gives the lease back. */
export const COMMIT: Script = {
  name: 'commit',
  lua: `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
`,
}

/** Gives the lease back without a value; ARGV[2] > 0 has others know for so long that the load has failed. */
export const RELEASE: Script = {
  name: 'release',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[1], 'failed', 'PX', ARGV[2]) else redis.call('DEL', KEYS[1]) end
return 1
`,
}

/**
 * Writes several values, except those that were invalidated since. KEYS[1] sequence, KEYS[2] log, KEYS[3…] values;
 * ARGV[1] the sequence when they were read; then for each: name, value, time to live. Tags need no look here: an entry
 * carries the stamps they had. Returns how many were written, or -1 when too much has happened to tell.
 */
export const COMMIT_MANY: Script = {
  name: 'commit-many',
  lua: `
local seq = tonumber(redis.call('GET', KEYS[1]) or '0')
local missed = seq - tonumber(ARGV[1])
if missed < 0 or missed > ${LOG_LENGTH} then return -1 end
local gone = {}
local prefixes = {}
if missed > 0 then
  for _, text in ipairs(redis.call('LRANGE', KEYS[2], 0, missed - 1)) do
    local what = cjson.decode(text)[2]
    if what.keys then for _, name in ipairs(what.keys) do gone[name] = true end end
    -- What comes before the first wildcard or escape is enough to err on the safe side.
    if what.pattern then table.insert(prefixes, string.match(what.pattern, '^[^*?\\\\]*')) end
  end
end
local written = 0
for i = 3, #KEYS do
  local at = (i - 3) * 3 + 2
  local name = ARGV[at]
  local keep = not gone[name]
  for _, prefix in ipairs(prefixes) do
    if string.sub(name, 1, #prefix) == prefix then keep = false end
  end
  if keep then
    redis.call('SET', KEYS[i], ARGV[at + 1], 'PX', ARGV[at + 2])
    written = written + 1
  end
end
return written
`,
}

/** Writes several values over what loads that are under way will bring. KEYS[3…] value, lock, …; ARGV[2…] value, ttl, … */
export const SET_MANY: Script = {
  name: 'set-many',
  lua: `
for i = 3, #KEYS, 2 do
  redis.call('SET', KEYS[i], ARGV[i - 1], 'PX', ARGV[i])
  redis.call('DEL', KEYS[i + 1])
end
${APPEND}
return 1
`,
}
