import { createRedactor } from '@msc/core'
import { hostileTokens, ordinaryNames, ordinaryValues } from '@msc/core/testing/redaction'
import { measure, median, print } from './measure.ts'
import { target } from './targets.ts'

const LENGTH = 1_000_000
const PROSE =
  'The artist submitted the release again after the label had asked for new artwork, and the distributor accepted it ' +
  'within an hour. Earnings for the quarter: 1,204.50 EUR, paid on 12 October. See https://msc.example/releases/120. '

/** Measures redaction on hostile text, on a graph too large to walk, and on an ordinary event. */
export async function benchRedaction(): Promise<void> {
  hostileText()
  sharedGraph()
  harmless()
  const clean = createRedactor()
  const event = ordinaryEvent()
  print(
    'An ordinary event of 15 properties, beside a structuredClone of it',
    await measure(
      [
        { name: 'structuredClone', run: (n) => repeat(n, () => structuredClone(event)) },
        { name: 'redact', run: (n) => repeat(n, () => clean(event)) },
      ],
      { iterations: 3000 },
    ),
  )
}

interface Timed {
  readonly token: string
  readonly ratio: number
}

/** Fixed tokens, and random joins of two to four of them; the worst of those are measured again, as carefully. */
function hostileText(): void {
  const seed = Number(process.env.BENCH_SEED ?? 2026)
  console.log(`\nA field of 1 MB that repeats a token, beside prose of the same length (seed ${seed})`)
  const joins = [...randomJoins(seed, 600)]
  const suspects = timeTokens(joins, 1, 5).slice(0, 40)
  const worst = timeTokens([...hostileTokens, ...suspects.map(({ token }) => token)], 10, 41)
  for (const { token, ratio } of worst.slice(0, 8)) {
    console.log(`  ${JSON.stringify(token).padEnd(44)} ${ratio.toFixed(2).padStart(6)} ×`)
  }
  target(`the worst of ${hostileTokens.length} tokens and ${joins.length} joins`, worst[0]?.ratio ?? Number.NaN, 3, '×')
}

/** Interleaved, so that a busy machine slows all of them alike; worst first. */
function timeTokens(tokens: readonly string[], warmup: number, rounds: number): Timed[] {
  const clean = createRedactor()
  const texts = [PROSE, ...tokens].map((token) => token.repeat(Math.ceil(LENGTH / token.length)).slice(0, LENGTH))
  const times = texts.map((): number[] => [])
  for (let round = -warmup; round < rounds; round++) {
    for (const [index, text] of texts.entries()) {
      const from = performance.now()
      for (let n = 0; n < 5; n++) clean({ field: text })
      if (round >= 0) times[index]?.push(performance.now() - from)
    }
  }
  const [prose, ...hostile] = times.map(median) as [number, ...number[]]
  return hostile
    .map((each, index) => ({ token: tokens[index] ?? '', ratio: each / prose }))
    .toSorted((a, b) => b.ratio - a.ratio)
}

function* randomJoins(seed: number, count: number): Generator<string> {
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >> 8) % below
  }
  for (let i = 0; i < count; i++) {
    yield Array.from({ length: 2 + next(3) }, () => hostileTokens[next(hostileTokens.length)] ?? '').join('')
  }
}

function sharedGraph(): void {
  const clean = createRedactor()
  let shared: unknown = { title: 'Night Drive' }
  for (let level = 0; level < 7; level++) shared = Array.from({ length: 8 }, () => shared)
  const times: number[] = []
  for (let round = -5; round < 21; round++) {
    const from = performance.now()
    clean({ shared })
    if (round >= 0) times.push(performance.now() - from)
  }
  console.log('\nA graph of two million paths over shared arrays')
  target('cut after', median(times), 5, 'ms')
}

function harmless(): void {
  const clean = createRedactor()
  const values = [...ordinaryValues(2026, 10_000)]
  const touched = values.filter((value) => JSON.stringify(clean(value)) !== JSON.stringify(value)).length
  const names = ordinaryNames.filter(({ name, value }) => {
    const given = { [name]: value }
    return JSON.stringify(clean(given)) !== JSON.stringify(given)
  })
  console.log('\nWhat is nobody\u2019s secret')
  target('of 10 000 ordinary values touched', (touched / values.length) * 100, 0.1, '%')
  target(`of ${ordinaryNames.length} ordinary names touched`, (names.length / ordinaryNames.length) * 100, 0.1, '%')
}

function ordinaryEvent(): Record<string, unknown> {
  return {
    release_id: '3f6b2a0e-52a1-4d0f-9c38-0b6b1f5d2c11',
    title: 'Night Drive',
    genre: 'Electronic',
    tracks: 9,
    barcode: '0602445790098',
    duration_ms: 213_400,
    explicit: false,
    territory: 'worldwide',
    artist: { id: 'a1', name: 'Ines Marlow', plan: 'pro' },
    page: { path: '/releases/120', referrer: 'https://msc.example/', title: 'Releases' },
    device: { kind: 'desktop', os: 'macOS', browser: 'Firefox', version: '141.0' },
    experiment: 'upload-flow',
    variant: 'b',
    seconds_to_submit: 48.2,
    note: PROSE.slice(0, 200),
  }
}

function repeat(times: number, run: () => unknown): void {
  for (let i = 0; i < times; i++) run()
}
