import type { AITaskHandler } from '@msc/jobs/platform'
import { z } from 'zod'
import { analyseLyrics, type LyricsAnalysis } from '../lyrics.ts'
import { releaseForAnalysis, storeAnalysis, type Release } from '../releases.ts'

const payload = z.object({ releaseId: z.uuid() })

/** Analyses a release's lyrics, stores the result, and notifies the artist. */
export const analyzeLyrics: AITaskHandler<Pick<Release, 'id' | 'userId' | 'title' | 'lyrics'>, LyricsAnalysis> = {
  payload,
  load: async (task) => (await releaseForAnalysis(payload.parse(task.payload).releaseId)) ?? null,
  process: ({ lyrics }) => analyseLyrics(lyrics),
  store: ({ id, userId }, analysis) => storeAnalysis(id, userId, analysis),
  announce: ({ id, userId, title }, { words, mood, explicit }) => ({
    userId,
    type: 'analysis-ready',
    title: `Lyrics of “${title}” analysed`,
    body: `${words} words, mood ${mood}${explicit ? ', explicit' : ''}.`,
    link: `/releases/${id}`,
  }),
}
