import { addBreadcrumb } from '@msc/monitoring'
import { requireUser } from '@/lib/session/auth'

/** Fails on purpose, so that error reporting can be followed from end to end. */
export default async function BoomPage() {
  const user = await requireUser()
  addBreadcrumb('Opened the failing page', 'navigation', { role: user.role })
  addBreadcrumb('About to fail on purpose', 'test', { step: 2 })
  throw new Error('This page fails on purpose')
}
