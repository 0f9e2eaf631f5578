import { guarded } from '@msc/core'
import type { Shared } from '../isolate.ts'
import { materialise } from '../materialise.ts'
import { prepare } from '../writer.ts'

export type Source<C> = AsyncIterable<C> | ReadableStream<C>

export interface ReplayOptions {
  /** Bytes that are recorded, roughly; of a longer stream only what its slowest reader still needs is held. */
  readonly maxBytes: number
  /** Makes what one reader is given of a chunk that all share. */
  readonly deliver: (shared: Shared) => unknown
  /** Called when the last reader has gone before the end. */
  readonly onAbandoned: () => void
}

/**
 * One source read by many: whoever comes late gets everything from the start. The fastest reader sets the pace; when
 * all have gone the source is cancelled.
 */
export interface Replay<C> {
  read(): ReadableStream<C>
  /** May somebody still join? Not once its start has been let go of. */
  readonly whole: boolean
  /**
   * Reads the source as its readers ask for it.
   *
   * @returns when it ends all its chunks, or `undefined` when it was abandoned or too long. @throws what the source does.
   */
  follow(open: (signal: AbortSignal) => Source<C> | Promise<Source<C>>): Promise<unknown[] | undefined>
  /** Plays what was recorded. */
  play(chunks: readonly unknown[]): void
  fail(error: unknown): void
}

interface Reader {
  at: number
}

export function createReplay<C>({ maxBytes, deliver, onAbandoned }: ReplayOptions): Replay<C> {
  const readers = new Set<Reader>()
  const abort = new AbortController()
  const { signal } = abort
  let held: Shared[] = []
  /** Chunks before `held[0]`. */
  let dropped = 0
  let bytes = 0
  let whole = true
  let ended = false
  let failure: { readonly error: unknown } | undefined
  let abandoned = false
  let changed: (() => void)[] = []

  const change = (): void => {
    const waiting = changed
    changed = []
    for (const wake of waiting) wake()
  }
  const nextChange = (): Promise<void> => new Promise((resolve) => changed.push(resolve))
  const end = (): number => dropped + held.length

  const push = (chunk: unknown): void => {
    const { shared } = prepare(chunk, false)
    held.push(shared)
    bytes += shared.bytes
    if (bytes > maxBytes) whole = false
    change()
  }
  const trim = (): void => {
    if (whole) return
    let slowest = end()
    for (const { at } of readers) slowest = Math.min(slowest, at)
    held = held.slice(slowest - dropped)
    dropped = slowest
  }
  /** Somebody has read all there is; of a stream that is too long to hold, everybody. */
  const wanted = (): boolean => {
    let all = true
    let any = false
    for (const { at } of readers) {
      if (at >= end()) any = true
      else all = false
    }
    return whole ? any : any && all
  }
  const leave = (reader: Reader): void => {
    readers.delete(reader)
    if (readers.size === 0 && !ended && !failure && !abandoned) {
      abandoned = true
      onAbandoned()
      abort.abort(new DOMException('Nobody reads the stream any more.', 'AbortError'))
    }
    change()
  }

  const pull = async (reader: Reader, controller: ReadableStreamDefaultController<C>): Promise<void> => {
    for (;;) {
      if (reader.at < end()) {
        const shared = held[reader.at - dropped] as Shared
        reader.at += 1
        trim()
        change()
        controller.enqueue(deliver(shared) as C)
        return
      }
      if (failure) {
        readers.delete(reader)
        controller.error(failure.error)
        return
      }
      if (ended) {
        readers.delete(reader)
        controller.close()
        return
      }
      await nextChange()
    }
  }

  return {
    get whole() {
      return whole && !failure && !abandoned
    },
    read() {
      const reader: Reader = { at: 0 }
      readers.add(reader)
      change()
      return new ReadableStream<C>(
        {
          pull: (controller) => pull(reader, controller),
          cancel: () => leave(reader),
        },
        // Nothing is asked of the source that nobody has asked for.
        { highWaterMark: 0 },
      )
    },
    async follow(open) {
      const iterator = iterate(await open(guarded(signal, { concern: 'cache', operation: 'abort a stream' })))
      try {
        for (;;) {
          if (abandoned) return undefined
          if (!wanted()) {
            await nextChange()
            continue
          }
          const step = await Promise.race([iterator.next(), aborted(signal)])
          if (step === undefined) return undefined
          if (step.done) {
            const chunks = whole ? held.map(materialise) : undefined
            ended = true
            change()
            return chunks
          }
          push(step.value)
        }
      } finally {
        // Not waited for: a generator ends when its own next step does, which may be never.
        if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined)
      }
    },
    play(chunks) {
      for (const chunk of chunks) push(chunk)
      ended = true
      change()
    },
    fail(error) {
      failure = { error }
      change()
    },
  }
}

function iterate<C>(source: Source<C>): AsyncIterator<C> {
  if (!('getReader' in source)) return source[Symbol.asyncIterator]()
  // Not the stream's own iterator: its `return` would wait for a chunk that may never come.
  const reader = source.getReader()
  return {
    next: () => reader.read() as Promise<IteratorResult<C>>,
    async return() {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
