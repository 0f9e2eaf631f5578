import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports; see `emit`. */
  interface Operations {
    'http.request': { method: string; route: string; status: number }
    'outbox.deliver': { id: string; kind: string; attempt: number; outcome: 'delivered' | 'failed' | 'parked' }
  }
}
