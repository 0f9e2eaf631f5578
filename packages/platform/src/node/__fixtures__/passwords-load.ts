// Verifies 200 passwords at once, and prints what that costs the process: memory, and milliseconds by which a timer was late
// or a file took to be read. With the argument `old` the hash is of the older cost, which takes twice the memory. Run it by
// itself to see the figures:
// node --conditions=@msc/source packages/platform/src/node/__fixtures__/passwords-load.ts
import { scryptSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { MscError } from '@msc/core'
import { createPasswords } from '../passwords.ts'

const [n, p] = process.argv[2] === 'old' ? [2 ** 17, 1] : [2 ** 16, 2]
const salt = Buffer.alloc(16, 1)
const key = scryptSync('night-drive', salt, 32, { N: n, r: 8, p, maxmem: 2 ** 28 })
const stored = `scrypt$${n}$8$${p}$${salt.toString('base64url')}$${key.toString('base64url')}`

const passwords = createPasswords()
const before = process.memoryUsage.rss()
let peak = before
let fileMs = 0
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
  const from = performance.now()
  void readFile(new URL(import.meta.url)).then(() => (fileMs = Math.max(fileMs, performance.now() - from)))
}, 5)

const outcomes = await Promise.all(
  Array.from({ length: 200 }, () =>
    passwords.verify('night-drive', stored).then(
      ({ matches }) => (matches ? 'verified' : 'wrong'),
      (error: unknown) => (MscError.isInstance(error) ? error.code : 'other'),
    ),
  ),
)
clearInterval(sampling)
await passwords.close()

const count = (outcome: string): number => outcomes.filter((each) => each === outcome).length
console.log(
  JSON.stringify({
    verified: count('verified'),
    busy: count('PASSWORDS_BUSY'),
    rssMB: Math.round((peak - before) / 1e6),
    loopMaxMs: Math.round(delay.max / 1e6),
    loopMeanMs: Math.round(delay.mean / 1e4) / 100,
    fileMaxMs: Math.round(fileMs),
  }),
)
