import { addBreadcrumb } from '@msc/monitoring'
import { Missing } from '@/components/missing'
import { currentAdmin } from '@/lib/session/auth'

/** Fails on purpose, for an admin who wants to follow error reporting from end to end. */
export default async function BoomPage() {
  const user = await currentAdmin()
  if (!user) return <Missing />
  addBreadcrumb('Opened the failing page', 'navigation', { role: user.role })
  addBreadcrumb('About to fail on purpose', 'test', { step: 2 })
  throw new Error('This page fails on purpose')
}
