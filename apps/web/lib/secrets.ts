import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataDir } from './env.ts'

/**
 * The key that signs sessions and realtime tokens: SUPABASE_JWT_SECRET, else one made on first use and kept in the data
 * folder, readable by its owner alone.
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
  // Written aside and linked into place: never half written, and the first of two processes wins for both.
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
