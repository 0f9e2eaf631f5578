import type { DropReason } from './sink/receipt.ts'

/** One item on its way, with its history. Immutable: a change makes a new entry. */
export interface Entry<T> {
  readonly item: T
  readonly id: string
  readonly kind: string
  readonly bytes: number
  /** Its position: entries are sent in this order. */
  readonly order: number
  /** The number of times that it failed although the backend accepted others. */
  readonly strikes: number
  /** The number of items that had been delivered when it first failed; later, when it last failed alone. */
  readonly failedAt?: number | undefined
  /** The part of a refused batch that it belongs to; 0 for none. Each part is sent on its own. */
  readonly part: number
  /** True if it was retried before its wait was over, so that another failure is not a strike. */
  readonly hurried?: boolean
}

/** A lost entry and the reason. */
export interface Loss<T> {
  readonly entry: Entry<T>
  readonly reason: DropReason
  readonly detail?: string | undefined
}
