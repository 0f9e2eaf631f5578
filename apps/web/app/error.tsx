'use client'

import { WentWrong, type WentWrongProps } from '../components/went-wrong.tsx'

export default function ErrorPage(props: WentWrongProps) {
  return (
    <div className="py-16 text-center">
      <WentWrong {...props} />
    </div>
  )
}
