import type { DropReason } from './sink/receipt.ts'

/** One item on its way, and what has become of it so far. Never changed: a new fact makes a new entry. */
export interface Entry<T> {
  readonly item: T
  readonly id: string
  readonly kind: string
  readonly bytes: number
  /** Its place: entries leave in this order. */
  readonly order: number
  /** Times it failed although the backend took others. */
  readonly strikes: number
  /** How many items had been delivered when it first failed, then when it last failed alone. */
  readonly failedAt?: number | undefined
  /** Entries of a batch whose content was refused are sent in parts, and a part is sent alone; 0 for none. */
  readonly part: number
  /** It was not given the time to rest that it should have had: failing again says nothing of it. */
  readonly hurried?: boolean
}

/** An entry that is lost. */
export interface Loss<T> {
  readonly entry: Entry<T>
  readonly reason: DropReason
  readonly detail?: string | undefined
}
