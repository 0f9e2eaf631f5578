/** Runs a call within the client's time limit, until the signal ends. */
export type InTime = <T>(what: string, call: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal) => Promise<T>
