import type { AnyJob, EventType } from './define-job.ts'

/** The trigger of a definition that listens to `event`. */
export function listensTo(job: AnyJob, event: string): EventType | undefined {
  return job.triggers.find((trigger) => 'event' in trigger && trigger.event === event) as EventType | undefined
}
