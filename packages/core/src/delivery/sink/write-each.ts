import { readField } from '../../errors/errors.ts'
import { shorten } from './read-receipt.ts'
import type { Rejection } from './receipt.ts'

/** A batch in a backend's format, without the items that could not be written. */
export interface Written<T, W> {
  readonly written: readonly { readonly item: T; readonly as: W }[]
  /** The items that could not be written. A retry would fail too. */
  readonly rejected: readonly Rejection[]
}

/**
 * Writes each item of a batch on its own, for drivers. An item that can't be written, because of an invalid date or a
 * value that has no JSON, is rejected alone and does not affect the others.
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
      const detail = `The item could not be written${typeof message === 'string' ? `: ${shorten(message)}` : '.'}`
      rejected.push({ id: item.id, retryable: false, reason: 'unreadable', detail })
    }
  }
  return { written, rejected }
}
