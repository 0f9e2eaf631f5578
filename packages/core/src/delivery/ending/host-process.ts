/** The part of Node's `process` that is used. It is looked up at run time, because this package imports no Node builtin. */
export interface HostProcess {
  readonly pid: number
  readonly version: string
  readonly versions?: { readonly node?: string }
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  exitCode?: number | string | null | undefined
  on(event: string, listener: Listener): unknown
  prependListener?(event: string, listener: Listener): unknown
  removeListener(event: string, listener: Listener): unknown
  listeners(event: string): readonly unknown[]
  listenerCount(event: string): number
  removeAllListeners?(event: string): unknown
  hasUncaughtExceptionCaptureCallback?(): boolean
  emitWarning?(warning: string, name: string): void
  kill(pid: number, signal: string): unknown
  exit(code: number): unknown
  getBuiltinModule?(id: string): unknown
}

export type Listener = (...values: never[]) => void

/** Returns the process if it is Node's or behaves like it; `undefined` in browsers and edge runtimes. */
export function hostProcess(): HostProcess | undefined {
  try {
    const { process } = globalThis as unknown as { readonly process?: HostProcess }
    const isNode = typeof process?.versions?.node === 'string'
    return isNode && typeof process.on === 'function' && typeof process.listenerCount === 'function'
      ? process
      : undefined
  } catch {
    // Some edge runtimes have a `process` whose properties throw.
    return undefined
  }
}

/** Adds a listener before all others: otherwise a `once` listener of the application would be gone before it is counted. */
export function listenFirst(host: HostProcess, event: string, listener: Listener): void {
  if (host.prependListener) host.prependListener(event, listener)
  else host.on(event, listener)
}

type RejectionMode = 'throw' | 'strict' | 'warn' | 'none' | 'warn-with-error-code'

const MODES: ReadonlySet<string> = new Set<RejectionMode>(['throw', 'strict', 'warn', 'none', 'warn-with-error-code'])

/**
 * Reads `--unhandled-rejections`. The command line takes precedence over `NODE_OPTIONS`, the last flag over earlier ones.
 * Default `throw`, as in Node since version 15.
 */
export function rejectionMode({ execArgv = [], env = {} }: Pick<HostProcess, 'execArgv' | 'env'>): RejectionMode {
  const words = [...(env['NODE_OPTIONS'] ?? '').split(/\s+/), ...execArgv]
  let mode: RejectionMode = 'throw'
  for (const [index, word] of words.entries()) {
    const [flag = '', value = words[index + 1] ?? ''] = word.split('=', 2)
    // Node accepts underscores in place of dashes.
    if (flag.replaceAll('_', '-') !== '--unhandled-rejections') continue
    if (MODES.has(value)) mode = value as RejectionMode
  }
  return mode
}

/** Says whether this is a worker thread, whose errors go to its parent. */
export function inWorker(host: HostProcess): boolean {
  const threads = host.getBuiltinModule?.('node:worker_threads') as { readonly isMainThread?: boolean } | undefined
  return threads?.isMainThread === false
}

/**
 * Prints a fatal error as Node would: to stderr, synchronously, with its stack. Never throws, even for a revoked Proxy or an
 * error whose own `inspect` or `stack` fails.
 */
export function printFatal(host: HostProcess, error: unknown): void {
  const text = `${describeFatal(host, error)}\n\nNode.js ${host.version}\n`
  try {
    const fs = host.getBuiltinModule?.('node:fs') as { writeSync(fd: number, text: string): void }
    // Written synchronously, because buffered output is lost at exit.
    fs.writeSync(2, text)
  } catch {
    // There is no `node:fs`, or stderr is closed.
    tryOr(() => console.error(text), undefined)
  }
}

function describeFatal(host: HostProcess, error: unknown): string {
  const prefix = isError(error) ? '' : 'Uncaught:\n'
  const inspected = tryOr(() => {
    const util = host.getBuiltinModule?.('node:util') as { inspect(value: unknown): string }
    return util.inspect(error)
  }, undefined)
  return prefix + (inspected ?? tryOr(() => stackOf(error), 'a value that cannot be shown'))
}

function stackOf(error: unknown): string {
  const stack = tryOr(() => (error as { readonly stack?: unknown }).stack, undefined)
  return String(stack ?? error)
}

/** Says whether a value is an `Error`. `instanceof` alone throws for some Proxies. */
export function isError(value: unknown): value is Error {
  return tryOr(() => value instanceof Error, false)
}

function tryOr<T>(run: () => T, otherwise: T): T {
  try {
    return run()
  } catch {
    return otherwise
  }
}
