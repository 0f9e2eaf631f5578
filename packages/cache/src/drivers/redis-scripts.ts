import type { Script } from '../driver.ts'

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

const digests = new WeakMap<Script, Promise<string>>()

/** The SHA-1 that Redis knows a script by. */
export function digestOf(script: Script): Promise<string> {
  const known = digests.get(script)
  if (known) return known
  const digest = crypto.subtle
    .digest('SHA-1', new TextEncoder().encode(script.lua))
    .then((bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join(''))
  digests.set(script, digest)
  return digest
}
