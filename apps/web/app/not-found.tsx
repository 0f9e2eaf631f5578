import type { Metadata } from 'next'
import { NothingHere } from '@/components/missing'

export const metadata: Metadata = { title: 'Not found' }

export default function NotFound() {
  return <NothingHere />
}
