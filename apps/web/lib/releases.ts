import { cacheQuery, invalidateTag } from '@msc/cache'
import { idempotentId, isVisible, type Transaction } from '@msc/platform'
import { z } from 'zod'
import { asService, asUser } from './db/database.ts'
import type { LyricsAnalysis } from './lyrics.ts'
import { name, text } from './forms/schemas.ts'
import { claimsOf, type User } from './session/session.ts'

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
  title: name.max(200, 'A title has at most 200 characters').refine(isVisible, 'Give the release a title'),
  artistName: name.max(200, 'A name has at most 200 characters').refine(isVisible, 'Say who the artist is'),
  genre: z.enum(genres, 'Choose one of the genres'),
  releaseDate: z.iso
    .date('Choose a date')
    .refine((date) => date >= '1900-01-01' && date <= '2199-12-31', 'Choose a date between 1900 and 2199'),
  lyrics: text.trim().max(20_000, 'Lyrics have at most 20,000 characters').default(''),
})
export type NewRelease = z.infer<typeof newRelease>

export type Status = 'draft' | 'submitted' | 'live'

export interface Release {
  readonly id: string
  readonly userId: string
  readonly title: string
  readonly artistName: string
  readonly genre: string
  /** For example `2026-09-18`. */
  readonly releaseDate: string
  readonly lyrics: string
  readonly status: Status
  /** Why an admin has sent it back. */
  readonly reviewNote: string | null
  readonly analysis: LyricsAnalysis | null
  /** How often an analysis was asked for. */
  readonly analysisRequests: number
  /** Counts the changes of what is reviewed. */
  readonly version: number
  readonly createdAt: Date
}

/** A release in a list, without what only its page shows. */
export type ListedRelease = Omit<Release, 'lyrics' | 'analysis' | 'analysisRequests' | 'reviewNote' | 'version'> & {
  readonly analysed: boolean
}

const LISTED = `id, user_id as "userId", title, artist_name as "artistName", genre, release_date::text as "releaseDate",
  status, created_at as "createdAt"`
const COLUMNS = `${LISTED}, lyrics, review_note as "reviewNote", analysis, analysis_requests as "analysisRequests", version`

/** Says whether there is such a day and time; `Date` would take the 31st of June for the 1st of July. */
function isTime(text: string): boolean {
  const date = new Date(`${text.replace(' ', 'T')}Z`)
  return (
    !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.replace(' ', 'T')) && !text.startsWith('0000')
  )
}

/** What is searched for, and where a page begins. */
export const listQuery = z.object({
  q: text.trim().max(100).catch('').default(''),
  /** As a page before has returned it in `next`. */
  after: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/)
    .refine((place) => isTime(place.slice(0, 19)))
    .optional()
    .catch(undefined),
})
export type ListQuery = z.infer<typeof listQuery>

export interface ReleasePage {
  readonly releases: readonly ListedRelease[]
  /** Where the next page begins; absent on the last. */
  readonly next?: string
}

/** What is dropped when a release of the owner changes. */
const ownTag = (ownerId: string): string => `releases:${ownerId}`
const ALL_TAG = 'releases:all'
/** Every list has it: it is dropped when nobody knows whose releases have changed. */
const ANY_TAG = 'releases'

/** Who reads the rows of all owners is told of the changes of all. */
function cachedFor({ id, role }: User): { readonly ttl: number; readonly tags: readonly string[] } {
  return { ttl: 60, tags: [role === 'admin' ? ALL_TAG : ownTag(id), ANY_TAG] }
}

const PAGE = 25

/** Returns a page of the releases that a user may see, newest first; cached for a minute, and dropped when one changes. */
export function listReleases(user: User, { q = '', after }: Partial<ListQuery> = {}): Promise<ReleasePage> {
  const load = async (): Promise<ReleasePage> => {
    const [at = null, id = null] = after?.split('/') ?? []
    const rows = await asUser(claimsOf(user), (tx) =>
      tx.query<ListedRelease & { readonly place: string }>(
        `select ${LISTED}, analysis is not null as analysed, (created_at at time zone 'utc')::text || '+00/' || id as place
         from releases
         where ($1::timestamptz is null or (created_at, id) < ($1::timestamptz, $2::uuid))
           and ($3 = '' or title ilike $4 or artist_name ilike $4)
         order by created_at desc, id desc limit $5`,
        [at, id, q, `%${q.replace(/[\\%_]/g, (sign) => `\\${sign}`)}%`, PAGE + 1],
      ),
    )
    const last = rows[PAGE - 1]
    return { releases: rows.slice(0, PAGE).map(listed), ...(rows.length > PAGE && last && { next: last.place }) }
  }
  return cacheQuery('releases', { user: user.id, role: user.role, q, after }, load, cachedFor(user))
}

function listed({ place: _place, ...release }: ListedRelease & { readonly place: string }): ListedRelease {
  return release
}

export interface ReleaseFigures {
  readonly all: number
  readonly live: number
  readonly analysed: number
  /** That wait for a review. */
  readonly submitted: number
}

/** Counts the releases that a user may see, however many there are. */
export function releaseFigures(user: User): Promise<ReleaseFigures> {
  const load = async (): Promise<ReleaseFigures> => {
    const [figures] = await asUser(claimsOf(user), (tx) =>
      tx.query<ReleaseFigures>(
        `select count(*)::int as all, count(*) filter (where status = 'live')::int as live,
           count(analysis)::int as analysed, count(*) filter (where status = 'submitted')::int as submitted
         from releases`,
      ),
    )
    return figures as ReleaseFigures
  }
  return cacheQuery('release-figures', { user: user.id, role: user.role }, load, cachedFor(user))
}

export async function getRelease(user: User, id: string): Promise<Release | undefined> {
  if (!z.uuid().safeParse(id).success) return undefined
  const rows = await asUser(claimsOf(user), (tx) =>
    tx.query<Release>(`select ${COLUMNS} from releases where id = $1`, [id]),
  )
  return rows[0]
}

/**
 * Writes a release. The job that analyses it and the event that it was created are rows of the same transaction.
 *
 * @param key Names this release in all attempts of a person to create it; the same key is the same release.
 * @param alsoIn Runs in the same transaction, once.
 */
export async function createRelease(
  user: User,
  release: NewRelease,
  key: string | undefined,
  alsoIn: (tx: Transaction, id: string) => Promise<unknown>,
): Promise<Release> {
  const { title, artistName, genre, releaseDate, lyrics } = release
  const id = key === undefined ? crypto.randomUUID() : await idempotentId(key, 'release')
  const created = await asUser(claimsOf(user), async (tx) => {
    const [made] = await tx.query<Release>(
      `insert into releases (id, user_id, title, artist_name, genre, release_date, lyrics)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing returning ${COLUMNS}`,
      [id, user.id, title, artistName, genre, releaseDate, lyrics],
    )
    if (made) await alsoIn(tx, made.id)
    return made ?? (await tx.query<Release>(`select ${COLUMNS} from releases where id = $1`, [id]))[0]
  })
  await dropReleases(user.id)
  return created as Release
}

/**
 * Moves a release to another status, as its transitions allow: the database checks the step and who asks for it, and that what
 * is published is the `version` that was read.
 *
 * @throws The database's error; see `sqlState`: `P0002` there is no such release, `42501` somebody else may, `MT409` not from
 *   this status or not this version, `23514` a reason is missing.
 */
export async function moveRelease(
  user: User,
  id: string,
  {
    to,
    note,
    version,
  }: { readonly to: Status; readonly note?: string | undefined; readonly version?: number | undefined },
): Promise<Release> {
  const [moved] = await asUser(claimsOf(user), (tx) =>
    tx.query<Release>(`select ${COLUMNS} from public.move_release($1, $2, $3, $4)`, [
      id,
      to,
      note ?? null,
      version ?? null,
    ]),
  )
  await dropReleases((moved as Release).userId)
  return moved as Release
}

/** Deletes a draft of the user's own. Returns false when there is none with that id. */
export async function deleteDraft(user: User, id: string): Promise<boolean> {
  const rows = await asUser(claimsOf(user), (tx) => tx.query('delete from releases where id = $1 returning id', [id]))
  await dropReleases(user.id)
  return rows.length > 0
}

/** Asks for another analysis, unless somebody has asked since the release was read. Returns whether it did. */
export async function analyseAgain(
  user: User,
  { id, analysisRequests }: Pick<Release, 'id' | 'analysisRequests'>,
): Promise<boolean> {
  const asked = new Error('Somebody has asked already.')
  try {
    await asUser(claimsOf(user), async (tx) => {
      const [row] = await tx.query<{ request: number }>('select public.analyse_again($1) as request', [id])
      if (row?.request !== analysisRequests + 1) throw asked
    })
    return true
  } catch (error) {
    if (error === asked) return false
    throw error
  }
}

/** The part of a release that analysis needs, as it was at one moment. */
export type AnalysedRelease = Pick<Release, 'id' | 'userId' | 'title' | 'lyrics' | 'analysisRequests'>

/** For jobs, which act for the platform. */
export async function releaseForAnalysis(id: string): Promise<AnalysedRelease | undefined> {
  const rows = await asService((tx) =>
    tx.query<AnalysedRelease>(
      `select id, user_id as "userId", title, lyrics, analysis_requests as "analysisRequests"
       from releases where id = $1`,
      [id],
    ),
  )
  return rows[0]
}

/**
 * Keeps an analysis of the release as it was read, unless another was asked for or the lyrics have changed meanwhile: one that
 * comes late must not stand where a later one belongs. Returns whether it was kept.
 */
export async function storeAnalysis(
  { id, userId, lyrics, analysisRequests }: AnalysedRelease,
  analysis: LyricsAnalysis,
): Promise<boolean> {
  const kept = await asService((tx) =>
    tx.query(
      // Lyrics that were taken away ask for no analysis, so the number alone would not tell.
      `update releases set analysis = $2, analysed_at = now(), updated_at = now()
       where id = $1 and ($3::int is null or analysis_requests = $3) and lyrics = $4 and lyrics <> '' returning id`,
      // A run that has read the release before this was asked for has no number.
      [id, analysis, analysisRequests ?? null, lyrics],
    ),
  )
  if (kept.length > 0) await dropReleases(userId)
  return kept.length > 0
}

/**
 * Drops what is cached of an owner's releases, for the owner and for those who see all. It runs again when the change comes out
 * of the database, before anybody is told of it (`boot.ts`), so a failure here is only reported: at the latest the lists expire
 * within a minute.
 */
export async function dropReleases(ownerId: string): Promise<void> {
  await dropTagged(ownTag(ownerId), ALL_TAG)
}

/** Drops those of all owners: the table was emptied, or changes of it may have been missed. */
export async function dropAllReleases(): Promise<void> {
  await dropTagged(ANY_TAG)
}

async function dropTagged(...tags: readonly string[]): Promise<void> {
  await Promise.all(tags.map((tag) => invalidateTag(tag))).catch((error: unknown) =>
    console.warn('The release lists stay cached.', error),
  )
}
