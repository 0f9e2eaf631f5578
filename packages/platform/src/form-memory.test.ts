import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { configureRedaction } from '@msc/core'
import { expect, it } from 'vitest'
import { createFormMemory } from './form-memory.ts'
import { problem } from './problem.ts'

const response = problem({
  title: 'The request is not valid',
  status: 422,
  extensions: { issues: [{ path: 'title', message: 'Give it a title' }] },
})

it('keeps what was typed for the one who typed it, without what is secret', async () => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  const values = { title: 'Night', password: 'swordfish', newPassword: 'swordfish', _key: 'x' }
  const id = await forms.keep({ response, values, user: { id: 'ann' } })
  expect(await forms.recall(id, { id: 'ann' })).toEqual({
    title: 'The request is not valid',
    values: { title: 'Night' },
    issues: [{ path: 'title', message: 'Give it a title' }],
  })
  expect(await forms.recall(id, { id: 'bob' })).toBeUndefined()
  expect(await forms.recall(id)).toBeUndefined()
  // The page may be loaded again.
  expect(await forms.recall(id, { id: 'ann' })).toBeDefined()
})

it.each([undefined, '', '*', 'form:*', ['a'], `${'0'.repeat(31)}*`])('knows no form of the id %j', async (id) => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  expect(await forms.recall(id)).toBeUndefined()
})

it('keeps nothing while the cache is away, and what was no problem document without its text', async () => {
  const away = createFormMemory({ set: async () => false, get: async () => undefined })
  expect(await away.keep({ response, values: {}, user: undefined })).toBeUndefined()
  const forms = createFormMemory(createCache({ driver: memory() }))
  const id = await forms.keep({ response: new Response('<html>'), values: {}, user: undefined })
  expect(await forms.recall(id)).toEqual({ title: 'This could not be sent', values: {}, issues: [] })
})

const SECRET =
  `password newPassword new_password new-password user[password] user.password PASSWORD password2 passwordConfirm
  password_confirmation confirmPassword password-again pass smtp_pass pass1 passwd pwd passphrase passcode pin PIN userPin card-pin
  pinCode pin_again pinConfirmation otp OTP otpCode otp[0] totp one-time-code oneTimeCode code twoFactorCode verification_code
  smsCode cvv CVC cvv2 csc cardCsc card cardNumber card_number card-number cardnumber cc-number creditCard iban ssn
  socialSecurityNumber token accessToken csrf_token secret clientSecret apiKey api_key api-key apikey userAPIKey passportNumber
  passport_number accountNumber sortCode taxId securityAnswer phonePin _key _csrf`.split(/\s+/)
const ORDINARY =
  `opinion shipping shippingAddress passage compassion passport postcode postCode postal_code zip zipCode promoCode
  countryCode languageCode isrc upc spinning pinned pinterest lyrics title artistName name email phone telephone mobilePhone
  phone_number genre releaseDate key mood author nationality cardHolder discard wildcard barcode encode expiry bypass compass
  signatureDish companyName consent note description`.split(/\s+/)

it.each(SECRET)('does not keep the field %s', async (name) => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  const id = await forms.keep({ response, values: { [name]: 'swordfish' }, user: undefined })
  expect((await forms.recall(id))?.values).toEqual({})
})

it.each(ORDINARY)('keeps the field %s', async (name) => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  const id = await forms.keep({ response, values: { [name]: 'typed' }, user: undefined })
  expect((await forms.recall(id))?.values).toEqual({ [name]: 'typed' })
})

it('keeps what logs would not, and not what redaction was told to hide', async () => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  configureRedaction({ mode: 'allow', keys: ['maidenName'] })
  try {
    const id = await forms.keep({ response, values: { title: 'Night', maiden_name: 'x' }, user: undefined })
    expect((await forms.recall(id))?.values).toEqual({ title: 'Night' })
  } finally {
    configureRedaction({})
  }
})
