import { describe, expect, it } from 'vitest'
import {
  COUNTED,
  HARMLESS,
  ORDINARY,
  SECRET,
  SECRET_IN_QUERY,
  SECRET_LINE,
  judgeName,
  judgePhrase,
  ownNames,
} from './names.ts'
import * as rules from './name-rules.ts'
import { splitWords } from './words.ts'

const judge = (name: string): number => judgeName(name, [])

describe('splitWords', () => {
  it.each([
    ['userAPIKey', 'user api key'],
    ['x-api-key', 'x api key'],
    ['API_KEY', 'api key'],
    ['connect.sid', 'connect sid'],
    ['APIKEY', 'apikey'],
    ['APIKeys', 'api keys'],
    ['userIDs', 'user ids'],
    ['token2', 'token 2'],
    ['sha256Sum', 'sha 256 sum'],
    ['http.request.header.authorization', 'http request header authorization'],
    ['contraseña', 'contraseña'],
    ['__proto__', 'proto'],
    ['$ai_total_tokens', 'ai total tokens'],
    ['', ''],
    ['--', ''],
  ])('splits %s into “%s”', (name, words) => {
    expect(splitWords(name).join(' ')).toBe(words)
  })
})

describe('judgeName', () => {
  it.each(
    (
      'password userPassword db_pwd passwd smtp_pass SMTPPASS pass passphrase pin cardPin secret clientSecret token ' +
      'access_token idToken refreshTokenValue tokenHash apiKey apikey APIKEY userAPIKey x-api-key X-Api-Key accessKey ' +
      'accessKeyId secretId privateKey signingKey encryption_key masterKey authorization Proxy-Authorization auth ' +
      'req.auth cookie cookies Set-Cookie sessionCookie session sessionToken sessionKey sessionSecret sid connect.sid ' +
      'csrf csrfToken _xsrf credential credentials aws.credentials jwt creditCard cardNumber card_number cvv cvc cvc2 ' +
      'iban accountNumber sortCode ssn socialSecurityNumber taxId otp totp signature sig X-Amz-Signature ' +
      'connectionString phone phoneNumber seedPhrase mnemonic bearer password1 token_2 dbpassword mytoken ' +
      'SUPABASE_SERVICE_ROLE_KEY AWS_SECRET_ACCESS_KEY passwordResetUrl jsessionid passPhrase pass_phrase passWord PASS_WORD apikeys privKey authorisation ' +
      'hmacKey accountNo smsCode pass-code $password $auth_token'
    ).split(' '),
  )('treats %s as secret', (name) => {
    expect([SECRET, SECRET_LINE, COUNTED]).toContain(judge(name))
  })

  it.each(
    (
      'className businessName processName addressNumber rootPath slotPosition footprint botProtection spotPrice ' +
      'sessionDurationMs cookieConsent cookieName tokenizer passwordChangedAt passwordResetRequired hotProduct keyboard ' +
      'monkey primaryKey foreignKey sortKey cacheKey idempotencyKey authorId authored passed passenger bypass compass ' +
      'pinned pinCount shipping secretary session_count $ai_total_tokens $ai_cache_read_input_tokens ' +
      '$cookieless_mode $session_entry_url $lib_rate_limit_remaining_tokens $configured_session_timeout_ms tokenUrl ' +
      'tokenType apiKeyId timeSignature keySignature lowPass backstagePass iPhone token.ts password.test.js'
    ).split(' '),
  )('treats %s as harmless', (name) => {
    expect(judge(name)).toBe(HARMLESS)
  })

  it.each(['tokens', 'inputTokens', 'max_tokens', 'apiKeys', 'session', 'gen_ai.usage.output_tokens'])(
    'treats %s as a count while its value is a number',
    (name) => {
      expect(judge(name)).toBe(COUNTED)
    },
  )

  it.each(['code', 'key', 'sessionid', 'sessionId', 'session_id'])('treats %s as secret only in a query', (name) => {
    expect(judge(name)).toBe(SECRET_IN_QUERY)
  })

  it('matches the names of the caller by their words', () => {
    const own = ownNames(['promoCode', 'UPC'])
    for (const name of ['promoCode', 'promo_code', 'X-Promo-Code', 'promocode', 'upc', 'release.upc']) {
      expect(judgeName(name, own), name).toBe(SECRET)
    }
    for (const name of ['promoCodes', 'code_promo', 'upcoming']) expect(judgeName(name, own), name).toBe(HARMLESS)
  })

  it('treats two words of a text as one name only when they are a known pair', () => {
    expect(judgePhrase('api key')).toBe(SECRET)
    expect(judgePhrase('seed phrase')).toBe(SECRET_LINE)
    expect(judgePhrase('secret sauce')).toBe(HARMLESS)
    expect(judgePhrase('low pass')).toBe(ORDINARY)
    expect(judgePhrase('api%2520key')).toBe(SECRET)
  })

  it('judges a very long name by its end', () => {
    expect(judge(`${'x'.repeat(100_000)}_password`)).toBe(SECRET)
  })
})

describe('SUSPECT', () => {
  it('matches every word of the rules', () => {
    const words = [
      rules.SECRET_WORDS, rules.LINE_WORDS, rules.LAST_WORDS, rules.LAST_LINE_WORDS, rules.EXACT_NAMES,
      rules.EXACT_COUNTED_NAMES, rules.SECRET_PAIRS, rules.SECRET_LINE_PAIRS, rules.SECRET_ENDINGS,
      rules.SECRET_LAST_ENDINGS, rules.COUNTED_WORDS, rules.SECRET_DESPITE_TAIL, rules.QUERY_NAMES, rules.VENDOR_SECRETS,
    ].flatMap((list) => [...list]) // prettier-ignore
    expect(words.filter((word) => !rules.SUSPECT.test(word))).toEqual([])
  })
})
