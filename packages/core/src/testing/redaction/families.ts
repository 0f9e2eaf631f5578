import { named, shaped, type SecretFamily } from './family.ts'
import { ALPHANUMERIC, BASE64URL, DIGITS, HEX, LOWER, UPPER, withLuhn, withMod97, type Random } from './random.ts'

const PUNCTUATION = '!@#$%^*()-_=+?/.:~|\'"{}[]&,;<>'
const WORDS = (
  'abandon harbour night drive copper lantern violet orbit meadow signal paper winter ember canyon velvet thunder ' +
  'marble island feather silver timber crystal anchor bridge cactus dragon engine fabric garden hazard'
).split(' ')

function password(random: Random): string {
  // Weaker than what a password manager makes, but with a capital, a digit and a special character, as sites demand.
  return `${random.text(LOWER, 4)}${random.text(UPPER, 2)}${random.text(DIGITS, 2)}${random.pick([...PUNCTUATION])}${random.text(
    ALPHANUMERIC + PUNCTUATION,
    7,
  )}${random.text(ALPHANUMERIC, 1)}`
}

function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

function jwt(random: Random): string {
  const claims = { sub: random.text(DIGITS, 10), name: random.text(LOWER, 8), iat: 1_700_000_000 }
  return `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}.${random.text(BASE64URL, 43)}`
}

function privateKey(random: Random): string {
  const lines = Array.from({ length: 6 }, () => random.text(`${ALPHANUMERIC}+/`, 64))
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----`
}

function card(random: Random): string {
  const digits = random.pick([
    () => withLuhn(`4${random.text(DIGITS, 14)}`),
    () => withLuhn(`5${1 + random.below(5)}${random.text(DIGITS, 13)}`),
    () => withLuhn(`37${random.text(DIGITS, 12)}`),
    () => withLuhn(`6011${random.text(DIGITS, 11)}`),
  ])()
  if (random.below(2) === 0 || digits.length !== 16) return digits
  return digits.match(/.{4}/g)?.join(random.pick([' ', '-'])) ?? digits
}

function iban(random: Random): string {
  const solid = random.pick([
    () => withMod97('DE', random.text(DIGITS, 18)),
    () => withMod97('SE', random.text(DIGITS, 20)),
    () => withMod97('GB', `${random.text(UPPER, 4)}${random.text(DIGITS, 14)}`),
  ])()
  return random.below(2) === 0 ? solid : (solid.match(/.{1,4}/g)?.join(' ') ?? solid)
}

/**
 * The kinds of secrets and personal data that redaction promises to hide. A family whose secrets have a form of their
 * own is recognised without a name; with the others, every carrier writes the name too.
 */
export const secretFamilies: readonly SecretFamily[] = [
  // Recognised by their name.
  named('password', 'password', password),
  named('password of a database', 'db_pwd', password),
  named('password of an SMTP account', 'smtpPass', password),
  named('seed phrase', 'seedPhrase', (random) => Array.from({ length: 12 }, () => random.pick(WORDS)).join(' ')),
  named('PIN', 'cardPin', (random) => `${1 + random.below(9)}${random.text(DIGITS, 3)}`, 'numeric'),
  named('one-time password', 'otp', (random) => `${1 + random.below(9)}${random.text(DIGITS, 5)}`, 'numeric'),
  named('card verification code', 'cvv', (random) => `${1 + random.below(9)}${random.text(DIGITS, 2)}`, 'numeric'),
  named('API key without a form', 'apiKey', (random) => random.text(HEX, 32)),
  named('API key in a header', 'x-api-key', (random) => random.text(ALPHANUMERIC, 40)),
  named('AWS secret access key', 'AWS_SECRET_ACCESS_KEY', (random) => random.text(`${ALPHANUMERIC}+/`, 40)),
  named('OAuth client secret', 'clientSecret', (random) => random.text(BASE64URL, 32)),
  named('OAuth refresh token', 'refresh_token', (random) => `1//0${random.text(BASE64URL, 60)}`),
  named('session token', 'sessionToken', (random) => random.text(HEX, 64)),
  named('session id of Express', 'connect.sid', (random) => `s:${random.text(BASE64URL, 32)}.${random.text(ALPHANUMERIC, 27)}`),
  named('CSRF token', 'csrfToken', (random) => random.text(BASE64URL, 36)),
  named('encryption key', 'encryptionKey', (random) => btoa(random.text(ALPHANUMERIC, 32))),
  named('signature of a URL', 'X-Amz-Signature', (random) => random.text(HEX, 64)),
  named('social security number', 'ssn', (random) =>
    [random.text('12345678', 3), random.text('123456789', 2), random.text('123456789', 4)].join('-')),
  named('account number', 'accountNumber', (random) => `${1 + random.below(9)}${random.text(DIGITS, 9)}`, 'numeric'),
  named('sort code', 'sortCode', (random) => [0, 0, 0].map(() => random.text('123456789', 2)).join('-')),
  named('tax id', 'taxId', (random) => `${random.text(DIGITS, 2)}-${random.text(DIGITS, 7)}`),
  named('phone number', 'phone', (random) => `+46 70 ${random.text(DIGITS, 3)} ${random.text(DIGITS, 2)} ${random.text(DIGITS, 2)}`),
  named('list of cookies', 'cookie', (random) => `theme=dark; sid=${random.text(HEX, 40)}`),
  named('credentials of Bearer', 'authorization', (random) => `Bearer ${random.text(BASE64URL, 40)}`),
  named('credentials of Token', 'authorization', (random) => `Token ${random.text(HEX, 40)}`),
  // Recognised by their form.
  shaped('credentials of Basic', 'authorization', (random) => `Basic ${btoa(`${random.text(LOWER, 6)}:${random.text(ALPHANUMERIC, 12)}`)}`),
  shaped('JSON Web Token', 'accessToken', jwt),
  shaped('private key in PEM', 'privateKey', privateKey),
  shaped('card number', 'card', card, 'numeric'),
  shaped('IBAN', 'payoutAccount', iban),
  shaped('e-mail address', 'contact', (random) => `${random.text(LOWER, 6)}.${random.text(LOWER, 5)}+${random.text(DIGITS, 2)}@${random.text(LOWER, 8)}.test`),
  shaped('e-mail address beyond ASCII', 'contact', (random) => `${random.text(LOWER, 4)}ö${random.text(LOWER, 4)}é@b${random.text(LOWER, 5)}ürg.test`),
  shaped('connection string', 'DATABASE_URL', (random) => `postgres://app:${random.text(ALPHANUMERIC, 8)}@${random.text(ALPHANUMERIC, 8)}@db.internal:5432/app`, 'url'),
  shaped('Stripe secret key', 'STRIPE_KEY', (random) => `sk_live_${random.text(ALPHANUMERIC, 24)}`),
  shaped('Stripe webhook secret', 'STRIPE_HOOK', (random) => `whsec_${random.text(ALPHANUMERIC, 32)}`),
  shaped('OpenAI key', 'OPENAI', (random) => `sk-proj-${random.text(BASE64URL, 48)}`),
  shaped('Anthropic key', 'ANTHROPIC', (random) => `sk-ant-api03-${random.text(BASE64URL, 48)}`),
  shaped('GitHub token', 'github', (random) => `${random.pick(['ghp', 'gho', 'ghs', 'ghu', 'ghr'])}_${random.text(ALPHANUMERIC, 36)}`),
  shaped('GitHub fine-grained token', 'github', (random) => `github_pat_${random.text(ALPHANUMERIC, 22)}_${random.text(ALPHANUMERIC, 59)}`),
  shaped('GitLab token', 'gitlab', (random) => `glpat-${random.text(BASE64URL, 20)}`),
  shaped('AWS access key id', 'aws', (random) => `${random.pick(['AKIA', 'ASIA'])}${random.text(`${UPPER}234567`, 16)}`),
  shaped('Google API key', 'google', (random) => `AIza${random.text(BASE64URL, 35)}`),
  shaped('Google OAuth token', 'google', (random) => `ya29.${random.text(BASE64URL, 60)}`),
  shaped('SendGrid key', 'sendgrid', (random) => `SG.${random.text(BASE64URL, 22)}.${random.text(BASE64URL, 43)}`),
  shaped('Slack token', 'slack', (random) => `xoxb-${random.text(DIGITS, 12)}-${random.text(DIGITS, 12)}-${random.text(ALPHANUMERIC, 24)}`),
  shaped('Slack webhook', 'hook', (random) => `https://hooks.slack.com/services/T${random.text(UPPER + DIGITS, 8)}/B${random.text(UPPER + DIGITS, 8)}/${random.text(ALPHANUMERIC, 24)}`, 'url'),
  shaped('Discord webhook', 'hook', (random) => `https://discord.com/api/webhooks/${random.text(DIGITS, 18)}/${random.text(BASE64URL, 68)}`, 'url'),
  shaped('npm token', 'npm', (random) => `npm_${random.text(ALPHANUMERIC, 36)}`),
  shaped('PostHog personal key', 'posthog', (random) => `phx_${random.text(ALPHANUMERIC, 43)}`),
  shaped('Supabase secret key', 'supabase', (random) => `sb_secret_${random.text(BASE64URL, 31)}`),
  shaped('Inngest signing key', 'inngest', (random) => `signkey-prod-${random.text(HEX, 64)}`),
  shaped('Sentry token', 'sentry', (random) => `sntrys_${random.text(BASE64URL, 64)}`),
  shaped('Resend key', 'resend', (random) => `re_${random.text(ALPHANUMERIC, 8)}_${random.text(ALPHANUMERIC, 24)}`),
  shaped('Hugging Face token', 'huggingface', (random) => `hf_${random.text(ALPHANUMERIC, 34)}`),
  shaped('DigitalOcean token', 'digitalocean', (random) => `dop_v1_${random.text(HEX, 64)}`),
  shaped('Shopify token', 'shopify', (random) => `shpat_${random.text(HEX, 32)}`),
  shaped('Twilio key', 'twilio', (random) => `SK${random.text(HEX, 32)}`),
  shaped('Mailgun key', 'mailgun', (random) => `key-${random.text(HEX, 32)}`),
] // prettier-ignore
