import { defineJob, type JobDefinition } from '../define-job.ts'
import { emailSend, type EmailSend } from './events.ts'
import { assertPorts } from './assert-ports.ts'
import type { PlatformPorts } from './ports.ts'

/** `email/send`: looks the recipient up when the mail is sent, not when it was asked for. */
export function emailSender({ mailer, users }: Pick<PlatformPorts, 'mailer' | 'users'>): JobDefinition<EmailSend> {
  assertPorts({ mailer, users })
  return defineJob({ id: 'email-sender', triggers: [emailSend], attempts: 5 }, async ({ event, step, runId }) => {
    const { userId, type, data } = event.data
    const to = await step.run('recipient', () => users.recipient(userId, type))
    if (!to) return { sent: false }
    const { messageId } = await step.run(
      'send',
      ({ signal }) => mailer.send({ to, type, data }, { key: `${runId}:send`, signal }),
      { timeout: '30s' },
    )
    return { sent: true, messageId }
  })
}
