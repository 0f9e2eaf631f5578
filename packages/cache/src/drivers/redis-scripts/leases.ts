import type { Script } from './script.ts'

// A lease is a key that holds the token of its holder, or the word that its load has failed. No token looks like it.
const FAILED = 'failed'

/** KEYS value, lease; ARGV token, lease in milliseconds. Returns {1 mine | 0 taken | 2 failed, value}. */
export const ACQUIRE: Script = {
  name: 'acquire',
  lua: `
local value = redis.call('GET', KEYS[1])
local holder = redis.call('GET', KEYS[2])
if holder == '${FAILED}' then return {2, value} end
if holder then return {0, value} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {1, value}
`,
}

/** KEYS lease; ARGV token, lease in milliseconds. Returns 1 while the lease is the token's. */
export const RENEW: Script = {
  name: 'renew',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`,
}

/** KEYS value, lease; ARGV token, value, its milliseconds. Returns 1 when it was written. */
export const COMMIT: Script = {
  name: 'commit',
  lua: `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
`,
}

/** KEYS lease; ARGV token, milliseconds that the failure is known, 0 for none. Returns 1 when the lease was the token's. */
export const RELEASE: Script = {
  name: 'release',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[1], '${FAILED}', 'PX', ARGV[2]) else redis.call('DEL', KEYS[1]) end
return 1
`,
}
