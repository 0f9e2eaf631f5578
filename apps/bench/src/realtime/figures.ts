export type ServerCommand =
  | { readonly do: 'publish'; readonly topic: string }
  /** Begin to watch the event loop anew. */
  | { readonly do: 'watch' }
  | { readonly do: 'figures' }
  | { readonly do: 'stop' }

export interface ServerFigures {
  /** Bytes, after a collection. */
  readonly rss: number
  /** The longest the event loop stood still since `watch`. */
  readonly stallMs: number
}

/** Milliseconds of the deliveries since they were last asked for. */
export type Latencies = readonly number[]
