/** What is used of Node's `process`; looked up at run time, since this package imports no Node builtin. */
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

/** The process, where it is Node's or behaves as one; `undefined` in browsers and edge runtimes. */
export function hostProcess(): HostProcess | undefined {
  try {
    const { process } = globalThis as unknown as { readonly process?: HostProcess }
    const isNode = typeof process?.versions?.node === 'string'
    return isNode && typeof process.on === 'function' && typeof process.listenerCount === 'function'
      ? process
      : undefined
  } catch {
    // Some edge runtimes have a `process` that throws when it is looked at.
    return undefined
  }
}

/** First in the list: a listener of the application's that is for once would be gone when it is counted. */
export function listenFirst(host: HostProcess, event: string, listener: Listener): void {
  if (host.prependListener) host.prependListener(event, listener)
  else host.on(event, listener)
}

type RejectionMode = 'throw' | 'strict' | 'warn' | 'none' | 'warn-with-error-code'

const MODES: ReadonlySet<string> = new Set<RejectionMode>(['throw', 'strict', 'warn', 'none', 'warn-with-error-code'])

/**
 * What `--unhandled-rejections` says; the command line wins over `NODE_OPTIONS`, the last flag over those before it.
 * Default `throw`, as in Node since version 15.
 */
export function rejectionMode({ execArgv = [], env = {} }: Pick<HostProcess, 'execArgv' | 'env'>): RejectionMode {
  const words = [...(env['NODE_OPTIONS'] ?? '').split(/\s+/), ...execArgv]
  let mode: RejectionMode = 'throw'
  for (const [index, word] of words.entries()) {
    const [flag = '', value = words[index + 1] ?? ''] = word.split('=', 2)
    // Node takes underscores for dashes.
    if (flag.replaceAll('_', '-') !== '--unhandled-rejections') continue
    if (MODES.has(value)) mode = value as RejectionMode
  }
  return mode
}

/** Is this a worker thread, whose errors go to its parent? */
export function inWorker(host: HostProcess): boolean {
  const threads = host.getBuiltinModule?.('node:worker_threads') as { readonly isMainThread?: boolean } | undefined
  return threads?.isMainThread === false
}

/**
 * Writes an error that ends the process as Node would: to stderr, at once, with its stack. Never throws, whatever was
 * thrown: a revoked Proxy, an error whose own `inspect` or `stack` fails.
 */
export function printFatal(host: HostProcess, error: unknown): void {
  const text = `${describeFatal(host, error)}\n\nNode.js ${host.version}\n`
  try {
    const fs = host.getBuiltinModule?.('node:fs') as { writeSync(fd: number, text: string): void }
    // Synchronous, since what is buffered is lost at the exit.
    fs.writeSync(2, text)
  } catch {
    // There is no such file system, or nobody reads stderr.
    tryOr(() => console.error(text), undefined)
  }
}

function describeFatal(host: HostProcess, error: unknown): string {
  const prefix = isError(error) ? '' : 'Uncaught:\n'
  const inspected = tryOr(() => {
    const util = host.getBuiltinModule?.('node:util') as { inspect(value: unknown): string }
    return util.inspect(error)
  }, undefined)
  return prefix + (inspected ?? tryOr(() => stackOf(error), 'a value that can not be shown'))
}

function stackOf(error: unknown): string {
  const stack = tryOr(() => (error as { readonly stack?: unknown }).stack, undefined)
  return String(stack ?? error)
}

/** `instanceof` asks the value for its prototype, which a Proxy may refuse. */
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
