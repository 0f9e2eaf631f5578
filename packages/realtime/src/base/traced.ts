import { carrier, withCarrier } from '@msc/core'

/** `fn` for later, in the trace of now: who hears a message that had to wait still knows what caused it. */
export function traced<Args extends readonly unknown[]>(fn: (...args: Args) => void): (...args: Args) => void {
  const from = carrier()
  return (...args) => withCarrier(from, () => fn(...args))
}
