import type { AITaskHandler } from '@msc/jobs/platform'
import { z } from 'zod'
import { analyseLyrics, type LyricsAnalysis } from '../lyrics.ts'
import { releaseForAnalysis, storeAnalysis, type AnalysedRelease } from '../releases.ts'

const payload = z.object({ releaseId: z.uuid() })

/** Analyses a release's lyrics, stores the result, and notifies the artist. */
export const analyzeLyrics: AITaskHandler<AnalysedRelease, LyricsAnalysis> = {
  payload,
  async load(task) {
    const release = await releaseForAnalysis(payload.parse(task.payload).releaseId)
    // Lyrics that were taken away ask for nothing any more.
    return release?.lyrics ? release : null
  },
  process: ({ lyrics }) => analyseLyrics(lyrics),
  store: storeAnalysis,
  announce: ({ id, userId, title }, { words, mood, explicit }) => ({
    userId,
    type: 'analysis-ready',
    title: `Lyrics of “${title}” analysed`,
    body: `${words} words, mood ${mood}${explicit ? ', explicit' : ''}.`,
    link: `/releases/${id}`,
  }),
}
