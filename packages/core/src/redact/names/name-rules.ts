// The words that make a name secret. All are matched against whole words of the name, see `splitWords`.

/** Secret anywhere in a name. */
export const SECRET_WORDS: ReadonlySet<string> = new Set([
  'password', 'passwords', 'passwd', 'pwd', 'passcode', 'passwort', 'kennwort', 'contraseña', 'contrasena', 'secret',
  'secrets', 'token', 'credential', 'credentials', 'creds', 'jwt', 'cvv', 'cvc', 'iban', 'ssn', 'otp', 'totp', 'csrf',
  'xsrf', 'bearer', 'psk', 'jsessionid', 'phpsessid', 'sessid', 'personnummer', 'msisdn', 'telephone',
]) // prettier-ignore

/** Also secret anywhere; inside text, the value runs to the end of the line, since it may hold spaces. */
export const LINE_WORDS: ReadonlySet<string> = new Set(['authorization', 'authorisation', 'passphrase', 'mnemonic'])

/**
 * Secret as the last word: `smtp_pass`, `cardPin`, `set-cookie`, but not `passCount`, `pinCode` (a pair) or
 * `cookieConsent`.
 */
export const LAST_WORDS: ReadonlySet<string> = new Set([
  'pass',
  'pin',
  'sig',
  'signature',
  'phone',
  'cardpin',
  'userpin',
])
export const LAST_LINE_WORDS: ReadonlySet<string> = new Set(['cookie', 'cookies'])

/** Pairs whose last word is not a secret: a low-pass filter, a backstage pass, a pin on a map. */
export const NOT_SECRET_BEFORE_LAST: ReadonlySet<string> = new Set([
  'low pass', 'high pass', 'band pass', 'all pass', 'boarding pass', 'backstage pass', 'season pass', 'festival pass',
  'weekend pass', 'day pass', 'vip pass', 'first pass', 'second pass', 'render pass', 'single pass', 'map pin',
  'drop pin', 'push pin', 'enamel pin', 'lapel pin', 'bowling pin', 'i phone', 'time signature', 'key signature',
]) // prettier-ignore

/** Secret as the whole name, or as all of it after the last dot. A number under `session` is a count of sessions. */
export const EXACT_NAMES: ReadonlySet<string> = new Set(['auth', 'sid', 'connect sid', 'session sid', 'koa sess'])
export const EXACT_COUNTED_NAMES: ReadonlySet<string> = new Set(['session'])

/**
 * Secret wherever the two words follow each other or are written as one (`apikey`). The plural of the second matches
 * too.
 */
export const SECRET_PAIRS: ReadonlySet<string> = new Set([
  'api key', 'access key', 'private key', 'signing key', 'encryption key', 'decryption key', 'master key', 'secret key',
  'account key', 'role key', 'license key', 'licence key', 'shared key', 'ssh key', 'deploy key', 'recovery key',
  'session key', 'priv key', 'hmac key', 'credit card', 'debit card', 'card number', 'account number', 'account no', 'routing number', 'sort code',
  'social security', 'tax id', 'security code', 'pin code', 'verification code', 'access code', 'auth code',
  'backup code', 'recovery code', 'sms code', 'mfa code',
  'login code', 'reset code', 'connection string', 'conn string', 'conn str', 'phone number', 'mobile number',
  'passport number', 'national id', 'bank account', 'code verifier', 'magic link', 'saml response',
  'client assertion', 'auth header', 'security answer', 'session token', 'access token', 'refresh token', 'auth token',
  'client secret',
]) // prettier-ignore
export const SECRET_LINE_PAIRS: ReadonlySet<string> = new Set(['seed phrase', 'recovery phrase', 'set cookie'])

/**
 * Secret as the end of a word that runs together in lower case: `dbpassword`, `mytoken`. No English word ends like
 * these by accident.
 */
export const SECRET_ENDINGS: readonly string[] = [
  'password', 'passwd', 'pwd', 'passphrase', 'secret', 'token', 'credentials',
] // prettier-ignore

/** Secret as the end of the last word: `smtppass`, `authcookie`. */
export const SECRET_LAST_ENDINGS: readonly string[] = ['pass', 'cookie', 'signature']
export const NO_SECRET_ENDINGS: ReadonlySet<string> = new Set([
  'bypass', 'compass', 'encompass', 'surpass', 'trespass', 'overpass', 'underpass', 'lowpass', 'highpass', 'bandpass', 'allpass',
]) // prettier-ignore

/** Counts in telemetry, but lists of secrets elsewhere: harmless while the value is a number. */
export const COUNTED_WORDS: ReadonlySet<string> = new Set(['tokens'])

/**
 * A name that ends with one of these describes a secret and does not hold it: `passwordChangedAt`, `tokenType`,
 * `cookieName`. The text rules still apply to its value.
 */
export const HARMLESS_TAILS: ReadonlySet<string> = new Set([
  'age', 'algorithm', 'alg', 'at', 'attempt', 'attempts', 'audience', 'bucket', 'budget', 'changed', 'consent', 'cost',
  'count', 'counts', 'created', 'days', 'disabled', 'domain', 'enabled', 'endpoint', 'error', 'errors', 'exception',
  'exists', 'expired', 'expires', 'expiration', 'expiry', 'field', 'format', 'hint', 'hours', 'id', 'ids', 'index', 'invalid',
  'issued', 'issuer', 'kind', 'label', 'length', 'limit', 'limits', 'manager', 'max', 'method', 'min', 'minutes',
  'missing', 'mode', 'ms', 'name', 'names', 'placeholder', 'policy', 'position', 'present', 'price', 'provider', 'rate',
  'remaining', 'required', 'rotated', 'rules', 'saved', 'scope', 'scopes', 'score', 'seconds', 'service', 'settings',
  'size', 'source', 'status', 'strategy', 'strength', 'title', 'ttl', 'type', 'types', 'updated', 'usage', 'used',
  'valid', 'verified', 'version',
]) // prettier-ignore

/**
 * Locations that are harmless right after the secret word, since the text rules clean them: `tokenUrl`. With more words
 * between, as in `passwordResetUrl`, the location itself is the secret.
 */
export const HARMLESS_LOCATIONS: ReadonlySet<string> = new Set(['url', 'uri'])

/** Names whose ending would be harmless, but whose value is used as a secret all the same. */
export const SECRET_DESPITE_TAIL: ReadonlySet<string> = new Set([
  'secret id', 'access key id', 'password hint', 'passphrase hint', 'secret hint', 'token hint', 'pin hint',
]) // prettier-ignore

/** Secret only as a parameter of a URL or form: `?code=` signs somebody in, `code: 'ECONNRESET'` does not. */
export const QUERY_NAMES: ReadonlySet<string> = new Set([
  'code', 'key', 'ticket', 'session id', 'sessionid', 'invite', 'invitation', 'assertion', 'oob code', 'hmac',
]) // prettier-ignore

/** Names that begin with `$` belong to a vendor; only these words make them secret. */
export const VENDOR_SECRETS: ReadonlySet<string> = new Set([
  'password', 'passwd', 'secret', 'authorization', 'credentials', 'credential', 'apikey', 'api key', 'access token',
  'refresh token', 'auth token', 'id token', 'private key',
]) // prettier-ignore

/** Rules out most names before they are split into words, so it must match every word above. */
export const SUSPECT: RegExp =
  /pass|pwd|kennw|contrase|secret|token|cred|jwt|cv[vc]|iban|ssn|otp|[cx]srf|bearer|sig|psk|sess|personn|msisdn|phone|authori|mnemon|pin|cookie|auth|sid|key|card|number|account.?no|code|social|tax|str|national|bank|link|saml|assert|security|phrase|ticket|invit|hmac/i

/** Matches file names: `token.ts:12:7` is a position in a file. */
export const FILE_NAME: RegExp =
  /\.(?:[cm]?[jt]sx?|vue|svelte|json|html?|css|py|go|rb|rs|java|kt|php|sql|md|map|wasm|ya?ml|toml)$/i
