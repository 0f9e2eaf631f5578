import { readField } from '../../errors/errors.ts'
import { shorten } from './read-receipt.ts'
import type { Rejection } from './receipt.ts'

/** A batch in a backend's words, as far as it could be written. */
export interface Written<T, W> {
  readonly written: readonly { readonly item: T; readonly as: W }[]
  /** What could not be written; a later try would fail as well. */
  readonly rejected: readonly Rejection[]
}

/**
 * Writes each item of a batch for itself: one that can't be written, a time that is no date or a value without JSON, is
 * refused alone, and never holds up the others. For drivers.
 *
 * @example
 * const { written, rejected } = writeEach(batch, (signal) => plainJson(toWire(signal)))
 * if (written.length > 0) await post(`[${written.map(({ as }) => as).join(',')}]`)
 * return { rejected }
 */
export function writeEach<T extends { readonly id: string }, W>(
  items: readonly T[],
  write: (item: T) => W,
): Written<T, W> {
  const written: { item: T; as: W }[] = []
  const rejected: Rejection[] = []
  for (const item of items) {
    try {
      written.push({ item, as: write(item) })
    } catch (error) {
      const message = readField(error, 'message')
      const detail = `It could not be written${typeof message === 'string' ? `: ${shorten(message)}` : '.'}`
      rejected.push({ id: item.id, retryable: false, reason: 'unreadable', detail })
    }
  }
  return { written, rejected }
}
