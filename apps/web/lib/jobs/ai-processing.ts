import { NonRetriableError, defineJob } from '@msc/jobs'
import { z } from 'zod'
import { analyseLyrics } from '../lyrics.ts'
import { notify } from '../notifications.ts'
import { releaseForAnalysis, storeAnalysis } from '../releases.ts'

const payload = z.object({
  userId: z.uuid(),
  taskType: z.literal('analyze-lyrics'),
  payload: z.object({ releaseId: z.uuid() }),
})

/** Analyses a release's lyrics in steps, stores the result, and tells the artist. */
export const aiProcessing = defineJob(
  { id: 'ai-processing', triggers: [{ event: 'ai/process' }], schema: payload, attempts: 3 },
  async ({ event, step, runId }) => {
    const { releaseId } = event.data.payload
    const release = await step.run('load', async () => {
      const found = await releaseForAnalysis(releaseId)
      // A deleted release will not come back: trying again would change nothing.
      if (!found) throw new NonRetriableError(`Release ${releaseId} does not exist`)
      return found
    })
    const analysis = await step.run('analyse', () => analyseLyrics(release.lyrics))
    await step.run('store', () => storeAnalysis(release.id, release.userId, analysis))
    await step.run('notify', () =>
      notify(
        release.userId,
        {
          type: 'analysis-ready',
          title: `Lyrics of “${release.title}” analysed`,
          body: `${analysis.words} words, mood ${analysis.mood}${analysis.explicit ? ', explicit' : ''}.`,
          link: `/releases/${release.id}`,
        },
        `analysis-ready:${runId}`,
      ),
    )
    return { releaseId, words: analysis.words }
  },
)
