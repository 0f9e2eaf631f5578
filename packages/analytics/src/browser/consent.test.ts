import { expect, it } from 'vitest'
import { fakeStorage } from '../testing/fake-page.ts'
import { createConsent, STORED_PREFIX } from './consent.ts'

it('deletes at each no, as another tab may have stored since it was told yes', () => {
  const storage = fakeStorage()
  const consent = createConsent(() => false, storage)
  expect(consent.given()).toBe(false)
  storage.setItem(`${STORED_PREFIX}identity`, '{"userId":"ana"}')
  storage.setItem('theirs', 'stays')
  expect(consent.given()).toBe(false)
  expect(storage.getItem(`${STORED_PREFIX}identity`)).toBeNull()
  expect(storage.getItem('theirs')).toBe('stays')
})
