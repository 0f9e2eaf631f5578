import type { Script } from './script.ts'

/** INCRBY with its expiry in one script: no crash between the two can leave a counter that never ends. */
export const INCREMENT: Script = {
  name: 'increment',
  lua: `
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  ttl = tonumber(ARGV[2])
end
return {value, ttl}
`,
}
