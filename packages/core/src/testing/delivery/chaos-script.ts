import { createOutbox } from '../../delivery/outbox.ts'
import type { Outbox, OutboxOptions } from '../../delivery/outbox-types.ts'
import type { Drop, DropReason } from '../../delivery/sink/receipt.ts'
import type { ChaosItem } from './chaos-item.ts'
import { createChaosSink, type ChaosSink } from './chaos-sink.ts'
import { MOODS, OUTAGES } from './moods.ts'
import { createRandom, type Random } from './random.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

export interface ScriptResult {
  readonly seed: number
  /** The promises that were broken, and after which steps. */
  readonly violations: readonly string[]
  readonly pushed: number
  readonly delivered: number
  readonly dropped: number
  /** The number of times that the counts were checked. */
  readonly checks: number
}

/** The state of one run. */
interface Run {
  readonly random: Random
  readonly time: VirtualTime
  readonly sink: ChaosSink
  readonly outbox: Outbox<ChaosItem>
  readonly options: Pick<OutboxOptions<ChaosItem>, 'maxQueue'> & { readonly maxQueueBytes: number }
  readonly itemBytes: number
  readonly pushed: ChaosItem[]
  readonly drops: Map<DropReason, number>
  readonly violations: string[]
  /** Flushes and closes that were started, which must end in time. */
  readonly waits: { readonly what: string; readonly until: number; over: boolean }[]
  last: { delivered: number; dropped: number; accepted: number }
  checks: number
  /** True while a callback uses the outbox. */
  reacting: boolean
  log: string
}

/**
 * Runs one random script: pushes, flushes, changes of the backend's mood, last words, and a close at some point. After
 * every timer and every turn of the microtask queue it checks that each item is delivered, dropped or still held.
 */
export async function runScript(seed: number): Promise<ScriptResult> {
  const run = createRun(seed)
  const { random } = run
  const steps = random.integer(5, 40)
  try {
    // A closed outbox needs fewer steps, because little can go wrong with it.
    for (let step = 0; step < steps; step += isClosing(run) ? 5 : 1) await act(run)
    await (random.chance(0.5) ? closeWhileItHeals(run) : healAndDrain(run))
    await closeAndListen(run)
  } catch (error) {
    violate(run, `threw ${String(error)}`)
  }
  const { delivered, dropped } = run.outbox.stats()
  return { seed, violations: run.violations, pushed: run.pushed.length, delivered, dropped, checks: run.checks }
}

function createRun(seed: number): Run {
  const random = createRandom(seed)
  const itemBytes = random.integer(10, 400)
  const maxItems = random.integer(1, 60)
  const maxQueue = random.integer(10, 300)
  const maxQueueBytes = random.chance(0.3) ? itemBytes * random.integer(5, 100) : 1_000_000
  const time = createVirtualTime(() => check(run))
  const maxBatchBytes = random.chance(0.3) ? itemBytes * random.integer(1, 8) : 1e9
  const sink = createChaosSink({ random, clock: time, maxBatchBytes })
  const drops = new Map<DropReason, number>()
  const onDrop = ({ reason, count }: Drop): unknown => {
    drops.set(reason, (drops.get(reason) ?? 0) + count)
    check(run)
    // Without pushes: a drop that `onDrop` causes is counted, but does not call it again.
    react(run, false)
    if (random.chance(0.02)) throw new Error('onDrop threw')
    return random.chance(0.02) ? Promise.reject(new Error('onDrop rejected')) : undefined
  }
  const outbox = createOutbox<ChaosItem>({
    concern: 'chaos',
    driver: 'chaos',
    label: (item) => item,
    send: (batch, context) => {
      check(run)
      const reply = sink.send(batch, context)
      // Added after the sink's own listener, which ends the delivery.
      context.signal.addEventListener('abort', () => react(run))
      return reply
    },
    sendSync: random.chance(0.5) ? sink.sendSync : undefined,
    limits: { maxItems, maxBytes: itemBytes * random.integer(1, 60), maxItemBytes: 1000 },
    maxQueue,
    maxQueueBytes,
    flushIntervalMs: random.integer(0, 1000),
    timeoutMs: random.pick([200, 1000, 5000]),
    ...(random.chance(0.3) && {
      leavingMaxBytes: () => {
        react(run)
        if (random.chance(0.1)) throw new Error('leavingMaxBytes threw')
        return random.integer(0, 2000)
      },
    }),
    clock: time,
    random,
    onDrop,
    onError: () => react(run),
  })
  const run: Run = {
    random,
    time,
    sink,
    outbox,
    options: { maxQueue, maxQueueBytes },
    itemBytes,
    pushed: [],
    drops,
    violations: [],
    waits: [],
    last: { delivered: 0, dropped: 0, accepted: 0 },
    checks: 0,
    reacting: false,
    log: '',
  }
  return run
}

/** Uses the outbox from within one of its callbacks. */
function react(run: Run, mayPush = true): void {
  const { random, outbox } = run
  check(run)
  if (run.reacting || !random.chance(0.2)) return
  run.reacting = true
  const what = random.integer(0, 9)
  if (what < 4 && mayPush && !isClosing(run)) push(run, random.integer(1, 3))
  else if (what < 8) wait(run, 'flush', random.integer(0, 5000))
  else outbox.lastWords()
  run.reacting = false
}

function isClosing({ waits }: Run): boolean {
  return waits.some(({ what }) => what === 'close')
}

async function act(run: Run): Promise<void> {
  const { random, time, sink, outbox } = run
  const what = random.integer(0, 99)
  if (what < 40) push(run, random.integer(1, 50))
  else if (what < 60) {
    sink.mood = random.pick(MOODS)
    note(run, sink.mood)
  } else if (what < 85) await time.advance(random.integer(0, random.pick([50, 3000, 60_000])))
  else if (what < 93) wait(run, 'flush', random.integer(0, random.pick([5000, 600_000])))
  else if (what < 96) outbox.lastWords()
  else if (what < 98) outbox.drop('track', random.integer(1, 3), 'filtered')
  else wait(run, 'close', random.integer(0, 5000))
  check(run)
  await time.settle()
}

function push({ random, outbox, pushed, itemBytes }: Run, count: number, poisonous = 0.03): void {
  for (let i = 0; i < count; i++) {
    const poison = random.chance(poisonous) ? random.pick(['receipt', 'batch'] as const) : undefined
    const bytes = random.chance(0.01) ? 1001 : itemBytes
    const item: ChaosItem = { id: `i${pushed.length}`, kind: random.pick(['error', 'log', 'span']), bytes, poison }
    pushed.push(item)
    outbox.push(item)
  }
}

function wait(run: Run, what: 'flush' | 'close', budgetMs: number): void {
  note(run, `${what} ${budgetMs}`)
  const entry = { what, until: run.time.monotonic() + budgetMs, over: false }
  // Only the first close decides when it ends.
  const repeated = what === 'close' && isClosing(run)
  if (!repeated) run.waits.push(entry)
  const urgency = run.random.pick(['background', 'leaving', 'fatal'] as const)
  void run.outbox[what](budgetMs, urgency).then(
    () => (entry.over = true),
    () => violate(run, `${what} rejected`),
  )
}

/** Closes while the backend is down and heals it in time, so that nothing may be lost for lack of time. */
async function closeWhileItHeals(run: Run): Promise<void> {
  const { random, time, sink, outbox, drops } = run
  sink.mood = random.pick(OUTAGES)
  push(run, random.integer(1, 60))
  await time.advance(random.integer(0, 2000))
  const before = outbox.stats()
  const closedBefore = drops.get('closed') ?? 0
  const alreadyClosed = isClosing(run)
  // The time that is left after the backend heals must be enough for one request per item, some of them twice.
  const budgetMs = random.integer(2000, 10_000) + 60 * (before.queued + before.inFlight)
  const healthyAt = Math.floor(budgetMs * random() * 0.8)
  sink.longestWaitMs = 60_000
  note(run, `${sink.mood}, heals after ${healthyAt} of ${budgetMs}, ${before.queued + before.inFlight} held`)
  wait(run, 'close', budgetMs)
  await time.advance(healthyAt)
  sink.mood = 'well'
  await time.advance(budgetMs - healthyAt)
  await time.settle()
  const lost = (drops.get('closed') ?? 0) - closedBefore
  // Limits from an earlier mood may outlast the budget.
  if (!alreadyClosed && lost > 0 && !run.log.includes('limits a kind')) violate(run, `lost ${lost} although it healed`)
}

/** Heals the backend: everything must be delivered, apart from items that it refuses. */
async function healAndDrain(run: Run): Promise<void> {
  const { time, sink, outbox, random } = run
  if (isClosing(run)) return
  sink.mood = 'well'
  note(run, 'heals')
  // Items that failed alone are dropped only after others are accepted.
  for (let turn = 0; turn < 12; turn++) {
    push(run, random.integer(1, 3), 0)
    await time.advance(300_000)
  }
  const { queued, inFlight } = outbox.stats()
  if (queued + inFlight > 0) violate(run, `${queued} + ${inFlight} left although the backend is well`)
}

async function closeAndListen(run: Run): Promise<void> {
  const { time, sink, outbox } = run
  wait(run, 'close', 1000)
  await time.advance(120_000)
  const { accepted, delivered, dropped, queued, inFlight } = outbox.stats()
  const { calls } = sink
  if (queued + inFlight > 0) violate(run, 'something is left after the close')
  // Answers that come after the end must change nothing.
  await time.advance(120_000)
  const after = outbox.stats()
  if (after.delivered !== delivered || after.dropped !== dropped || after.accepted !== accepted) {
    violate(run, 'the counts changed after the close')
  }
  if (sink.calls !== calls) violate(run, 'it sent after the close')
  checkTruth(run)
}

/** Checks the outbox's counts against what the backend accepted. */
function checkTruth(run: Run): void {
  const { sink, outbox, drops, pushed } = run
  const { delivered, dropped } = outbox.stats()
  const reported = [...drops.values()].reduce((sum, count) => sum + count, 0)
  if (reported !== dropped) violate(run, `${reported} drops were reported, ${dropped} counted`)
  if (delivered > sink.taken.size) violate(run, `counted ${delivered} as delivered, the backend has ${sink.taken.size}`)
  const missing = pushed.filter(({ id }) => !sink.taken.has(id)).length
  if (missing > dropped) violate(run, `${missing} never arrived, and only ${dropped} were dropped`)
  // Only the poisoned item itself may be lost.
  const poisons = pushed.filter(({ id, poison }) => poison && !sink.taken.has(id)).length
  const refused = drops.get('refused') ?? 0
  if (refused > poisons) violate(run, `${refused} were refused, ${poisons} were poison`)
  const good = pushed.filter(({ id, poison }) => !poison && !sink.taken.has(id)).length
  const lostOtherwise = dropped - refused
  if (good > lostOtherwise) violate(run, `${good} good items never arrived, ${lostOtherwise} were reported`)
  const tooLarge = pushed.filter(({ bytes }) => bytes > 1000).length
  if ((drops.get('too large') ?? 0) > tooLarge) violate(run, `${drops.get('too large')} too large, not ${tooLarge}`)
  for (const violation of sink.violations) violate(run, violation)
}

/** Checks the invariants that hold at every instant. */
function check(run: Run): void {
  run.checks += 1
  const { accepted, delivered, dropped, queued, inFlight } = run.outbox.stats()
  const { last, options, itemBytes, time } = run
  if (accepted !== delivered + dropped + queued + inFlight) violate(run, 'the counts do not add up')
  if (delivered < last.delivered || dropped < last.dropped || accepted < last.accepted)
    violate(run, 'a count decreased')
  if (Math.min(queued, inFlight) < 0) violate(run, 'a negative count')
  if (queued + inFlight > options.maxQueue) violate(run, 'more items than the bound')
  if ((queued + inFlight) * itemBytes > options.maxQueueBytes) violate(run, 'more bytes than the bound')
  for (const { what, until, over } of run.waits) {
    if (!over && time.monotonic() > until + 1) violate(run, `a ${what} does not end`)
  }
  run.last = { accepted, delivered, dropped }
}

function note(run: Run, text: string): void {
  run.log += `${run.time.monotonic()}: ${text}; `
}

/** Records the first few violations only, because a broken invariant fails at each check. */
function violate(run: Run, what: string): void {
  if (run.violations.length < 5) run.violations.push(`${what} (after ${run.log})`)
}
