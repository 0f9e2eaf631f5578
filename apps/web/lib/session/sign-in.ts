import { rateLimit } from '@msc/cache'
import { MscError, processSlot } from '@msc/core'
import {
  UNKNOWN_ADDRESS,
  clientAddress,
  createSignInGuard,
  getDefaultDatabase,
  type ProblemOptions,
  type SignInAttempt,
  type SignInGuard,
} from '@msc/platform'
import { profile } from '../profile.ts'
import { checkPassword, stillHas } from './auth.ts'
import { rememberAddress } from './known-addresses.ts'
import { passwords } from './passwords.ts'
import { sessions, type User } from './session.ts'

export function signInGuard(): SignInGuard {
  return processSlot('web/sign-in-guard', () => createSignInGuard({ rateLimit, database: getDefaultDatabase() }))
}

export type SignInOutcome = { readonly cookie: string } | { readonly problem: ProblemOptions }

const WRONG: ProblemOptions = { title: 'Email or password is wrong', status: 401, code: 'CREDENTIALS_WRONG' }

/**
 * Signs somebody in, unless too many passwords were wrong for the account or from the address. The answer does not tell whether
 * there is such an account.
 */
export async function signIn(request: Request, email: string, password: string): Promise<SignInOutcome> {
  const attempt = attemptOf(request, email)
  const admitted = await signInGuard().check(attempt, { hasRoom: passwords().hasRoom })
  if (!admitted.allowed) return { problem: tooMany(admitted.retryAfterMs) }
  try {
    const account = await checkPassword(email, password, { signal: request.signal, ...admitted.place })
    if (!account) {
      await signInGuard().failed(attempt)
      return { problem: WRONG }
    }
    if (attempt.address !== undefined) rememberAddress(attempt.address)
    await signInGuard().succeeded(attempt)
    const { cookie } = await sessions().start(account.id, {
      address: attempt.address,
      userAgent: request.headers.get('user-agent') ?? undefined,
      // A password that is changed at this moment opens no session any more.
      confirm: (tx) => stillHas(tx, account),
    })
    return { cookie }
  } catch (error) {
    const code = MscError.isInstance(error) ? error.code : undefined
    if (code === 'PASSWORDS_BUSY') return { problem: tooMany(2000) }
    if (code === 'SESSION_REFUSED') return { problem: WRONG }
    throw error
  }
}

/**
 * Counts a password that somebody signed in has to give again; returns why it is refused. Apart from sign-ins: strangers who guess
 * there, or at other accounts from the same address, must not keep an owner from changing the password.
 */
export async function guardPassword(request: Request, user: User): Promise<ProblemOptions | undefined> {
  const admitted = await signInGuard().check(
    { account: `password of ${user.id}`, address: undefined },
    {
      hasRoom: () => passwords().hasRoom({ preferred: true, client: user.id }),
    },
  )
  return admitted.allowed ? undefined : tooMany(admitted.retryAfterMs)
}

/** Writes it down for admins, under the name that they know. */
export async function passwordWasWrong(request: Request, user: User): Promise<void> {
  await signInGuard().failed({ ...attemptOf(request, user.email), reason: 'password-change' })
}

function attemptOf(request: Request, account: string): SignInAttempt {
  const address = clientAddress(request, profile().clientAddress)
  return { account, address: address === UNKNOWN_ADDRESS ? undefined : address }
}

function tooMany(retryAfterMs: number): ProblemOptions {
  const minutes = Math.ceil(retryAfterMs / 60_000)
  const wait = retryAfterMs < 60_000 ? `${Math.ceil(retryAfterMs / 1000)} seconds` : `${minutes} min`
  return {
    title: 'Too many attempts to sign in',
    detail: `Try again in ${wait}.`,
    status: 429,
    code: 'SIGN_IN_LIMITED',
    retryAfterMs,
  }
}
