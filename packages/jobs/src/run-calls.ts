interface Run {
  isOver: boolean
}

interface Storage {
  getStore(): Run | undefined
  run<T>(store: Run, fn: () => T): T
}

interface Globals {
  AsyncLocalStorage?: new () => Storage
  process?: { getBuiltinModule?: (id: string) => { AsyncLocalStorage?: new () => Storage } | undefined }
}

/** Tells the calls that a run makes from those of everybody else: only they go on while the engine closes. */
export interface RunCalls {
  /** Runs `fn` as a run of a job; it is one until its promise settles, whatever it leaves behind. */
  during<T>(fn: () => Promise<T>): Promise<T>
  /** Is this called by a run that is not over? False where the platform can't tell. */
  isWithin(): boolean
}

export function createRunCalls(): RunCalls {
  const globals = globalThis as Globals
  const Als = globals.AsyncLocalStorage ?? globals.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
  const storage = Als && new Als()
  return {
    async during(fn) {
      const run: Run = { isOver: false }
      try {
        return await (storage ? storage.run(run, fn) : fn())
      } finally {
        run.isOver = true
      }
    },
    isWithin: () => storage?.getStore()?.isOver === false,
  }
}
