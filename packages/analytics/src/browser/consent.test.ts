import { expect, it } from 'vitest'
import { fakeStorage } from '../testing/fake-page.ts'
import { createConsent, STORED_PREFIX } from './consent.ts'

it('deletes at each refusal, since another tab may have stored something while consent was given', () => {
  const storage = fakeStorage()
  const consent = createConsent(() => false, storage)
  expect(consent.given()).toBe(false)
  storage.setItem(`${STORED_PREFIX}identity`, '{"userId":"ana"}')
  storage.setItem('theirs', 'stays')
  expect(consent.given()).toBe(false)
  expect(storage.getItem(`${STORED_PREFIX}identity`)).toBeNull()
  expect(storage.getItem('theirs')).toBe('stays')
})
