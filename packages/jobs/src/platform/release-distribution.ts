import { defineJob, type JobDefinition } from '../define-job.ts'
import { NonRetriableError, StepError } from '../errors.ts'
import { releaseDistribute, type ReleaseDistribute } from './events.ts'
import { assertPorts } from './assert-ports.ts'
import type { Delivery, PlatformPorts } from './ports.ts'

const AT_ONCE = 4

/**
 * `release/distribute`: delivers to each platform, in parallel and each with attempts of its own. A platform that
 * refuses does not take the release off the others; only when all have refused has the run failed.
 */
export function releaseDistribution({
  releases,
  distribution,
  notifier,
}: Pick<PlatformPorts, 'releases' | 'distribution'> &
  Partial<Pick<PlatformPorts, 'notifier'>>): JobDefinition<ReleaseDistribute> {
  assertPorts({ releases, distribution, ...(notifier && { notifier }) })
  return defineJob(
    {
      id: 'release-distribution',
      triggers: [releaseDistribute],
      attempts: 5,
      concurrency: { key: 'data.releaseId', limit: 1 },
    },
    async ({ event, step, runId }) => {
      const { releaseId, platforms } = event.data
      const release = await step.run('load', async () => {
        const found = await releases.load(releaseId)
        if (!found) throw new NonRetriableError(`Release ${releaseId} does not exist or must not be distributed`)
        return found
      })
      await step.run('mark distributing', () => releases.markDistributing(releaseId), {
        rollback: () => releases.markUndistributed(releaseId),
      })

      const deliveries: Delivery[] = []
      for (let from = 0; from < platforms.length; from += AT_ONCE) {
        const some = platforms.slice(from, from + AT_ONCE).map(async (platform): Promise<Delivery> => {
          try {
            const { reference } = await step.run(
              `deliver to ${platform}`,
              ({ signal }) => distribution.deliver(release, platform, { key: `${runId}:${platform}`, signal }),
              { timeout: '5m' },
            )
            return { platform, reference }
          } catch (error) {
            // Anything else is the engine's own way to suspend the run.
            if (!(error instanceof StepError)) throw error
            return { platform, error: error.message }
          }
        })
        deliveries.push(...(await Promise.all(some)))
      }

      const failed = deliveries.filter(({ error }) => error !== undefined)
      if (failed.length === deliveries.length) {
        throw new NonRetriableError(`No platform took the release: ${failed[0]?.error ?? ''}`)
      }
      await step.run('mark distributed', () => releases.markDistributed(releaseId, deliveries))
      await step.sendEvent('mail', {
        name: 'email/send',
        data: {
          userId: release.userId,
          type: 'release-approved',
          data: { releaseId, title: release.title, deliveries },
        },
        id: `${runId}:mail`,
      })
      if (notifier) {
        const notice = {
          userId: release.userId,
          type: 'release-distributed',
          title: `“${release.title}” is out`,
          body: `On ${deliveries.length - failed.length} of ${deliveries.length} platforms.`,
          link: `/releases/${releaseId}`,
        }
        await step.run('notify', () => notifier.notify(notice, { key: `${runId}:notify` }))
      }
      return { deliveries }
    },
  )
}
