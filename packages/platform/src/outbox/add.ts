import { ConfigError, ValidationError, carrier, isRecord, readField } from '@msc/core'
import type { Transaction } from '../database/database.ts'
import type { NewOutboxEntry } from './outbox.ts'

/** Bytes of a payload as JSON. */
const MOST_BYTES = 262_144
export const KIND: RegExp = /^[\w.:/-]{1,100}$/

/** One half of a character beyond the 65,536 first, which Postgres refuses. */
const HALF = /\p{Surrogate}/u

/** The settings come first: the function reads them. */
const ADD = `with carried as materialized (
    select set_config('msc.traceparent', $5, true) as trace, set_config('msc.user_id', $6, true) as "user")
  select msc_outbox.add($1, $2::jsonb, $3, $4)::text as id from carried`

/**
 * Adds an entry in the caller's transaction, whatever its role: it is delivered after the commit, and never if there is none.
 * The current trace goes with it. Returns the entry's id.
 *
 * @throws ValidationError `OUTBOX_ENTRY_INVALID`, after which the transaction can go on; ConfigError `OUTBOX_NOT_MIGRATED`;
 *   the errors of {@link Transaction.query}.
 */
export async function addToOutbox(transaction: Transaction, entry: NewOutboxEntry): Promise<string> {
  if (!isRecord(entry)) throw invalid('entry', 'is no object')
  const { kind, payload, key, group } = entry
  assertText(kind, 'kind', KIND)
  assertText(key, 'key', /^[^\0]{1,500}$/u, true)
  assertText(group, 'group', /^[^\0]{1,200}$/u, true)
  const json = jsonOf(payload)
  const { traceparent, userId = '' } = carrier()
  try {
    const [row] = await transaction.asService((service) =>
      service.query(ADD, [kind, json, key ?? null, group ?? null, traceparent, userId]),
    )
    return readField(row, 'id') as string
  } catch (error) {
    // Numbers grow when Postgres writes them, and it refuses NUL and halves of characters in strings.
    const isRefused = readField(error, 'code') === 'DATABASE_VALUE_INVALID'
    throw isRefused ? invalid('payload', 'is nothing that Postgres can store as JSON', error) : explained(error)
  }
}

/** Returns the outbox's error for what a statement on its table failed with, whoever has made it. */
export function explained(error: unknown): unknown {
  const sqlState = readField(readField(error, 'cause'), 'code')
  if (sqlState !== '42P01' && sqlState !== '3F000' && sqlState !== '42883') return error
  return new ConfigError('[msc/outbox] The database has no outbox.', {
    code: 'OUTBOX_NOT_MIGRATED',
    hint: 'Pass `outboxMigration()` to `database.migrate` before the outbox is used.',
    cause: error,
  })
}

function jsonOf(payload: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(payload)
  } catch (error) {
    throw invalid('payload', 'can not be written as JSON', error)
  }
  if (json === undefined) throw invalid('payload', 'is nothing that JSON has')
  if (new TextEncoder().encode(json).length > MOST_BYTES) throw invalid('payload', `has more than ${MOST_BYTES} bytes`)
  return json
}

function assertText(value: unknown, path: string, pattern: RegExp, mayLack = false): void {
  if (mayLack && value === undefined) return
  if (typeof value !== 'string' || !pattern.test(value) || HALF.test(value)) {
    throw invalid(path, 'is too long, empty, or has a character that is not allowed')
  }
}

/** Makes the error for an entry, without the value. */
export function invalid(path: string, message: string, cause?: unknown): ValidationError {
  return new ValidationError(`[msc/outbox] The ${path} of the entry ${message}.`, [{ path, message }], {
    code: 'OUTBOX_ENTRY_INVALID',
    hint: 'Pass a kind of at most 100 letters, digits and _ . : / -, a key of at most 500 characters, a group of at most 200, and plain data of at most 256 KiB. Store larger data, and send its address.',
    cause,
  })
}
