import { cacheQuery, invalidateQuery } from '@msc/cache'
import { z } from 'zod'
import { asService, asUser, type Claims } from './db/database.ts'
import type { LyricsAnalysis } from './lyrics.ts'
import type { User } from './session/session.ts'

export const genres = [
  'Indie pop',
  'Electronic',
  'Hip-hop',
  'R&B',
  'Rock',
  'Jazz',
  'Classical',
  'Folk',
  'Other',
] as const

export const newRelease = z.strictObject({
  title: z.string().trim().min(1, 'Give the release a title').max(200),
  artistName: z.string().trim().min(1, 'Say who the artist is').max(200),
  genre: z.enum(genres),
  releaseDate: z.iso.date(),
  lyrics: z.string().trim().max(20_000).default(''),
})
export type NewRelease = z.infer<typeof newRelease>

export interface Release {
  readonly id: string
  readonly userId: string
  readonly title: string
  readonly artistName: string
  readonly genre: string
  /** For example `2026-09-18`. */
  readonly releaseDate: string
  readonly lyrics: string
  readonly status: 'draft' | 'submitted' | 'live'
  readonly analysis: LyricsAnalysis | null
  readonly createdAt: Date
}

const COLUMNS = `id, user_id as "userId", title, artist_name as "artistName", genre, release_date::text as "releaseDate",
  lyrics, status, analysis, created_at as "createdAt"`

export function claimsOf(user: User): Claims {
  return { sub: user.id, role: 'authenticated', email: user.email, app_metadata: { role: user.role } }
}

// One query name per user, so that a change to one artist's list keeps all others cached.
const listName = (userId: string): string => `releases-of-${userId}`

/**
 * Returns the releases that a user may see, newest first; cached for a minute, and dropped when one of them changes.
 */
export function listReleases(user: User): Promise<Release[]> {
  return cacheQuery(
    listName(user.id),
    { role: user.role },
    () =>
      asUser(claimsOf(user), (tx) =>
        tx.query<Release>(`select ${COLUMNS} from releases order by created_at desc, id limit 200`),
      ),
    60,
  )
}

export async function getRelease(user: User, id: string): Promise<Release | undefined> {
  if (!z.uuid().safeParse(id).success) return undefined
  const rows = await asUser(claimsOf(user), (tx) =>
    tx.query<Release>(`select ${COLUMNS} from releases where id = $1`, [id]),
  )
  return rows[0]
}

export async function createRelease(user: User, release: NewRelease): Promise<Release> {
  const { title, artistName, genre, releaseDate, lyrics } = release
  const rows = await asUser(claimsOf(user), (tx) =>
    tx.query<Release>(
      `insert into releases (user_id, title, artist_name, genre, release_date, lyrics)
       values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
      [user.id, title, artistName, genre, releaseDate, lyrics],
    ),
  )
  await dropList(user.id)
  return rows[0] as Release
}

/** Returns the part of a release that analysis needs. For jobs, which act for the platform. */
export async function releaseForAnalysis(
  id: string,
): Promise<Pick<Release, 'id' | 'userId' | 'title' | 'lyrics'> | undefined> {
  const rows = await asService((tx) =>
    tx.query<Pick<Release, 'id' | 'userId' | 'title' | 'lyrics'>>(
      `select id, user_id as "userId", title, lyrics from releases where id = $1`,
      [id],
    ),
  )
  return rows[0]
}

export async function storeAnalysis(id: string, userId: string, analysis: LyricsAnalysis): Promise<void> {
  await asService((tx) =>
    tx.query('update releases set analysis = $2, analysed_at = now(), updated_at = now() where id = $1', [
      id,
      analysis,
    ]),
  )
  await dropList(userId)
}

/** Best effort: while the cache is away the list expires by itself within a minute. */
async function dropList(userId: string): Promise<void> {
  await invalidateQuery(listName(userId)).catch((error: unknown) =>
    console.warn('The release list stays cached.', error),
  )
}
