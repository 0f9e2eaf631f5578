import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataDir } from '../env.ts'

/**
 * Returns the key that signs realtime tokens: SUPABASE_JWT_SECRET, which the start has checked, or else a key that is
 * generated on first use and kept in the data folder, readable only by its owner.
 */
export function jwtSecret(): string {
  const configured = process.env['SUPABASE_JWT_SECRET']?.trim()
  if (configured) return configured
  return (cached ??= keptSecret(join(dataDir(), 'jwt-secret')))
}

let cached: string | undefined

function keptSecret(path: string): string {
  const existing = read(path)
  if (existing) return existing
  mkdirSync(dataDir(), { recursive: true })
  // Written to a draft and then linked into place: the key is never half written, and when two processes start at once,
  // both use the first one's.
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, randomBytes(48).toString('base64url'), { mode: 0o600 })
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(draft)
  }
  return readFileSync(path, 'utf8')
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
