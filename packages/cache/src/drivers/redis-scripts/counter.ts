import type { Script } from './script.ts'

/**
 * INCRBY with its expiry in one script. The counter begins with its expiry: neither a crash nor a time that Redis refuses
 * can leave one that never ends.
 */
export const INCREMENT: Script = {
  name: 'increment',
  lua: `
redis.call('SET', KEYS[1], 0, 'PX', ARGV[2], 'NX')
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  ttl = tonumber(ARGV[2])
end
return {value, ttl}
`,
}
