/** Ends pending calls when an engine closes. */
export interface Closing {
  readonly signal: AbortSignal
  /**
   * Runs a call with a signal that aborts when the engine closes. Each call has its own, because Node 20 warns of a leak
   * when many listen to one.
   */
  during<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Aborts all signals with this reason. Later calls get a signal that has already aborted. */
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
