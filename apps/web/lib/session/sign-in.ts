import { rateLimit } from '@msc/cache'
import { MscError, processSlot } from '@msc/core'
import {
  clientAddress,
  createSignInGuard,
  getDefaultDatabase,
  type ProblemOptions,
  type SignInGuard,
} from '@msc/platform'
import { profile } from '../profile.ts'
import { checkPassword } from './auth.ts'
import { sessions } from './session.ts'

export function signInGuard(): SignInGuard {
  return processSlot('web/sign-in-guard', () => createSignInGuard({ rateLimit, database: getDefaultDatabase() }))
}

export type SignInOutcome = { readonly cookie: string } | { readonly problem: ProblemOptions }

/**
 * Signs somebody in, unless too many passwords were wrong for the account or from the address. The answer does not tell whether
 * there is such an account.
 */
export async function signIn(request: Request, email: string, password: string): Promise<SignInOutcome> {
  const attempt = attemptOf(request, email)
  const admitted = await signInGuard().check(attempt)
  if (!admitted.allowed) return { problem: tooMany(admitted.retryAfterMs) }
  try {
    const userId = await checkPassword(email, password, request.signal)
    if (userId === undefined) {
      await signInGuard().failed(attempt)
      return { problem: { title: 'Email or password is wrong', status: 401, code: 'CREDENTIALS_WRONG' } }
    }
    await signInGuard().succeeded(attempt)
    const { cookie } = await sessions().start(userId, {
      address: attempt.address,
      userAgent: request.headers.get('user-agent') ?? undefined,
    })
    return { cookie }
  } catch (error) {
    if (MscError.isInstance(error) && error.code === 'PASSWORDS_BUSY') return { problem: tooMany(2000) }
    throw error
  }
}

/** Counts a password that somebody signed in has to give again, as a sign-in; returns why it is refused. */
export async function guardPassword(request: Request, email: string): Promise<ProblemOptions | undefined> {
  const admitted = await signInGuard().check(attemptOf(request, email))
  return admitted.allowed ? undefined : tooMany(admitted.retryAfterMs)
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
