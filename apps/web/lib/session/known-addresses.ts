import { processSlot } from '@msc/core'

const MOST = 10_000

/** Addresses from which somebody has signed in while this process runs, the latest last. */
function addresses(): Set<string> {
  return processSlot('web/known-addresses', () => new Set<string>())
}

export function rememberAddress(address: string): void {
  const known = addresses()
  known.delete(address)
  known.add(address)
  if (known.size > MOST) known.delete(known.values().next().value as string)
}

/** Says whether somebody has signed in from there: they sign in before all others, however many strangers try. */
export function isKnownAddress(address: string): boolean {
  return addresses().has(address)
}
