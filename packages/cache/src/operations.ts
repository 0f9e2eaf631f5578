import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports: see `emit`. */
  interface Operations {
    'cache.get': { key: string; outcome: 'hit' | 'miss' | 'stale' | 'error'; tier?: string }
    'cache.set': { key: string; outcome: 'ok' | 'error' }
    'cache.delete': { pattern: string; count: number; outcome: 'ok' | 'error' }
    'cache.load': { key: string; outcome: 'ok' | 'error' }
    'rate-limit.check': { id: string; outcome: 'allowed' | 'denied' | 'error' }
  }
}
