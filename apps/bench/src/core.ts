import { createRedactor, emit, newTrace, onTelemetry, withContext } from '@msc/core'
import { measure, print } from './measure.ts'

/** What every operation of every concern pays: context, telemetry, redaction. */
export async function benchCore(): Promise<void> {
  const clean = createRedactor()
  const context = { trace: newTrace() }
  const properties = { title: 'Night Drive', genre: 'Electronic', tracks: 9, user: { id: 'u1', email: 'a@b.example' } }
  print(
    'What every operation pays, beside a structuredClone of an event',
    await measure(
      [
        { name: 'structuredClone', run: (n) => repeat(n, () => structuredClone(properties)) },
        { name: 'redact()', run: (n) => repeat(n, () => clean(properties)) },
        { name: 'withContext()', run: (n) => repeat(n, () => withContext(context, () => 1)) },
        {
          name: 'emit(), nobody listens',
          run: (n) => repeat(n, () => emit('cache.get', { key: 'k', outcome: 'hit' })),
        },
        heard('emit(), one listener', false),
        heard('emit(), one inert listener', true),
      ],
      { iterations: 5000 },
    ),
  )
}

function heard(name: string, inert: boolean): { name: string; run(n: number): void } {
  return {
    name,
    run(n) {
      const stop = onTelemetry(() => undefined, { inert })
      repeat(n, () => emit('cache.get', { key: 'k', outcome: 'hit' }))
      stop()
    },
  }
}

function repeat(times: number, run: () => unknown): void {
  for (let i = 0; i < times; i++) run()
}
