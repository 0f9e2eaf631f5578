import Link from 'next/link'
import { notFound } from 'next/navigation'
import { answerNotFound } from '@/server/rendering'

/** In place of a page that is not there, or not for this person. */
export function Missing() {
  if (!answerNotFound()) notFound()
  return <NothingHere />
}

export function NothingHere() {
  return (
    <div className="py-16 text-center">
      <h1 className="text-2xl font-semibold tracking-tight">There is nothing here</h1>
      <p className="quiet mt-2">The address may be wrong, or what it named has been deleted.</p>
      <Link href="/" className="button mt-6">
        Back to the overview
      </Link>
    </div>
  )
}
