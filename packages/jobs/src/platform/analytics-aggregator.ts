import { defineJob, type JobDefinition } from '../define-job.ts'
import { analyticsAggregate, type AnalyticsAggregate } from './events.ts'
import { assertPorts } from './assert-ports.ts'
import type { PlatformPorts } from './ports.ts'

/** `analytics/aggregate`: a user's figures for a period, collected and kept. */
export function analyticsAggregator({
  analytics,
}: Pick<PlatformPorts, 'analytics'>): JobDefinition<AnalyticsAggregate> {
  assertPorts({ analytics })
  return defineJob(
    {
      id: 'analytics-aggregator',
      triggers: [analyticsAggregate],
      // Two at once for one user would race to store their figures.
      concurrency: { key: 'data.userId', limit: 1 },
    },
    async ({ event, step }) => {
      const { userId, period } = event.data
      const figures = await step.run('collect', () => analytics.collect(userId, period))
      await step.run('store', () => analytics.store(userId, period, figures))
      return figures
    },
  )
}
