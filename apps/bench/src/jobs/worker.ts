// Measures one contender in a process of its own: `jobs-worker.ts name where`.
import { contenders } from './contenders.ts'
import { median } from '../measure.ts'

const JOBS = 1000
const SINGLES = 100

const [name = '', where = ''] = process.argv.slice(2)
const start = contenders[name]
if (!start) throw new Error(`There is no contender ${name}`)

const ended = new Map<number, () => void>()
const contender = await start(where, 100, (n) => ended.get(n)?.())
let next = 0

/** One job from before it is sent until it has ended, in milliseconds. */
function one(): Promise<number> {
  const n = next++
  const from = performance.now()
  const end = new Promise<number>((resolve) => ended.set(n, () => resolve(performance.now() - from)))
  return Promise.all([end, contender.send(n)]).then(([ms]) => {
    ended.delete(n)
    return ms
  })
}

// A service that has run for a while.
await Promise.all(Array.from({ length: 200 }, one))
const from = performance.now()
await Promise.all(Array.from({ length: JOBS }, one))
const rate = (JOBS / (performance.now() - from)) * 1000
const singles: number[] = []
for (let i = 0; i < SINGLES; i++) singles.push(await one())
process.send?.({ rate, p50: median(singles) })
await contender.close()
process.exit(0)
