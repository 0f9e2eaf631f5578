import type { JobList } from '@msc/jobs'
import { aiProcessing, emailSender, subscriptionRenewal } from '@msc/jobs/platform'
import { notify } from '../notifications.ts'
import { billing, mailer, subscriptions, users } from '../subscriptions.ts'
import { analyzeLyrics } from './analyze-lyrics.ts'

/** All jobs of the app: the platform's jobs, working on the app's data. */
export const jobs: JobList = [
  aiProcessing({
    ai: { 'analyze-lyrics': analyzeLyrics },
    notifier: { notify: (notice, { key }) => notify(notice.userId, notice, key) },
  }),
  emailSender({ mailer, users }),
  subscriptionRenewal({ billing, subscriptions }),
]
