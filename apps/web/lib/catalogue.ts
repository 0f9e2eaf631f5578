import { cacheLife, cacheTag, revalidateTag } from 'next/cache'
import { asService } from './db/database.ts'

const TAG = 'catalogue'

export interface CatalogueFigures {
  readonly releases: number
  readonly artists: number
  readonly genres: number
}

/**
 * Returns the figures of what is published, for visitors who are not signed in; cached for minutes, across all instances.
 */
export async function catalogueFigures(): Promise<CatalogueFigures> {
  'use cache: remote'
  cacheLife('minutes')
  cacheTag(TAG)
  const [figures] = await asService((tx) =>
    tx.query<CatalogueFigures>(
      `select count(*)::int as releases, count(distinct user_id)::int as artists, count(distinct genre)::int as genres
       from releases where status = 'live'`,
    ),
  )
  return figures as CatalogueFigures
}

/** Best effort: while the cache is away the figures are a few minutes behind. */
export function catalogueHasChanged(): void {
  try {
    revalidateTag(TAG, { expire: 0 })
  } catch (error) {
    console.warn('The figures of the catalogue stay cached.', error)
  }
}
