/** The end of an engine, which ends what is under way. */
export interface Closing {
  readonly signal: AbortSignal
  /** Runs with a signal of its own that ends with the engine: one that all calls listen to makes Node 20 warn of a leak. */
  during<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Ends all with this reason; calls that come later get a signal that has ended. */
  end(reason: Error): void
}

export function createClosing(): Closing {
  const engine = new AbortController()
  const calls = new Set<AbortController>()
  return {
    signal: engine.signal,
    async during(run) {
      const call = new AbortController()
      if (engine.signal.aborted) call.abort(engine.signal.reason)
      else calls.add(call)
      try {
        return await run(call.signal)
      } finally {
        calls.delete(call)
      }
    },
    end(reason) {
      engine.abort(reason)
      for (const call of calls) call.abort(reason)
    },
  }
}
