// Tokens as their issuers define them: a prefix, an alphabet and a length.

/**
 * How the characters after a prefix are told from words, which may follow some prefixes too: `key-change-demo`.
 * - `any`: words never follow the prefix.
 * - `piece`: a piece between `-`, `_` and `.` has at least `minLength` characters and holds a digit or a capital.
 * - `head`: the first piece does.
 * - `solid`: the first piece has at least `minLength` characters, whatever they are.
 * - `first`: the first piece is as long, and alternates between letters and digits.
 * - `hash`: the first piece is as long, in lower case, with a digit.
 * - `resend`: a piece of 8 characters and one of 24. `sendgrid`: 22 characters, a dot, more.
 */
type Body = 'any' | 'piece' | 'head' | 'solid' | 'first' | 'hash' | 'resend' | 'sendgrid'

export interface Shape {
  readonly prefix: string
  readonly body: Body
  readonly minLength: number
}

function shapes(body: Body, minLength: number, prefixes: string): Shape[] {
  return prefixes.split(' ').map((prefix) => ({ prefix, body, minLength }))
}

/** Shapes that the issuers have published, most of them in their notes on secret scanning. */
export const SHAPES: readonly Shape[] = /* @__PURE__ */ (() => [
  // Mailgun, Resend, SendGrid
  ...shapes('hash', 32, 'key-'),
  ...shapes('resend', 24, 're_'),
  ...shapes('sendgrid', 22, 'SG.'),
  // Stripe and Clerk; others with the same beginning
  ...shapes('head', 8, 'sk_live_ sk_test_ pk_live_ pk_test_ rk_live_ rk_test_'),
  ...shapes('first', 20, 'sk_ pk_ rk_ pk- rk-'),
  // OpenAI, Anthropic and Langfuse; OpenRouter and others
  ...shapes('any', 8, 'sk-proj- sk-ant- sk-svcacct- sk-lf- pk-lf-'),
  ...shapes('solid', 20, 'sk-'),
  ...shapes('piece', 20, 'sk-'),
  // Inngest, Tailscale
  ...shapes('any', 16, 'signkey-prod- signkey-test- signkey-branch-'),
  ...shapes('piece', 16, 'signkey-'),
  ...shapes('piece', 10, 'tskey-'),
  // Groq, Hugging Face, Replicate, Perplexity, xAI, npm, RubyGems
  ...shapes('piece', 16, 'gsk_ hf_ r8_ pplx- xai- npm_ rubygems_'),
  // NVIDIA, Docker, PyPI (a macaroon of pypi.org)
  ...shapes('any', 14, 'nvapi- dckr_pat_ pypi-AgE'),
  // Webhooks of Stripe and Svix, PostHog, Supabase, Sentry
  ...shapes('any', 10, 'whsec_ phc_ phc- phx_ phs_ sb_secret_ sbp_ sntrys_ sntryu_'),
  // GitHub, GitLab
  ...shapes('any', 10, 'ghp_ gho_ ghs_ ghu_ ghr_ github_pat_ glpat- gldt- glrt- glptt-'),
  // Google, Slack
  ...shapes('any', 10, 'AIza ya29. GOCSPX- xoxa- xoxb- xoxo- xoxr- xoxs- xoxp- xoxe- xapp-'),
  // DigitalOcean, Shopify, Vault, Square
  ...shapes('any', 9, 'dop_v1_ doo_v1_ dor_v1_ shpat_ shpss_ shpca_ shppa_ hvs. hvb. sq0atp- sq0csp-'),
  // Doppler, PlanetScale, Linear, Notion, Figma, New Relic, age
  ...shapes('any', 5, 'dp.pt. dp.st. pscale_tkn_ pscale_pw_ lin_api_ ntn_ figd_ NRAK- AGE-SECRET-KEY-'),
  // Base64 of `{"`, `{ `, `{\n` and `[{"`: tokens and encoded JSON, whatever they hold
  ...shapes('any', 11, 'eyJ eyA ewo W3si'),
])()
