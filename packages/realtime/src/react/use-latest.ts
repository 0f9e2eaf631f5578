'use client'

import { useEffect, useRef, type RefObject } from 'react'

/** What was given at the last render, for callbacks that must not cost a subscription when they are new ones. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value)
  useEffect(() => {
    latest.current = value
  })
  return latest
}
