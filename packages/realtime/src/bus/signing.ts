import type * as Crypto from 'node:crypto'
import { assertJwtSecret } from './jwt-secret.ts'

/** What the processes of one application can do for each other, and whoever merely writes to their bus can't. */
export interface Signing {
  /** @returns The code for a text, in base64url. */
  sign(text: string): string
  /** Whether the code is that of a process with one of the secrets. */
  isSigned(text: string, code: string): boolean
  /** Hides a text from whoever listens. */
  seal(text: string): string
  /** `undefined` for what was sealed by nobody with one of the secrets. Never throws. */
  open(sealed: string): string | undefined
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

interface Keys {
  readonly signing: Uint8Array
  readonly sealing: Uint8Array
}

/**
 * Frames carry an HMAC-SHA-256, and what only one server should read is sealed by AES-256-GCM, under keys that HKDF derives from
 * the secret of the tokens: neither is of any use for the other, or for a token.
 *
 * @param others Secrets of which frames are accepted as well.
 * @throws ConfigError `JWT_SECRET_INVALID`.
 */
export function createSigning(jwtSecret: string, others: readonly string[] = []): Signing {
  // Not imported: a bus that only carries runs anywhere, and is bundled for it.
  const crypto = process.getBuiltinModule('node:crypto')
  const { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } = crypto
  const own = keysOf(jwtSecret, crypto)
  const all = [own, ...others.map((secret) => keysOf(secret, crypto))]
  return {
    sign: (text) => createHmac('sha256', own.signing).update(text).digest('base64url'),
    isSigned(text, code) {
      const given = Buffer.from(code, 'base64url')
      return all.some(({ signing }) => {
        const right = createHmac('sha256', signing).update(text).digest()
        return given.length === right.length && timingSafeEqual(given, right)
      })
    },
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', own.sealing, nonce)
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
      for (const { sealing } of all) {
        try {
          const cipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, NONCE_BYTES))
          cipher.setAuthTag(bytes.subarray(-TAG_BYTES))
          const text = cipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
          return Buffer.concat([text, cipher.final()]).toString('utf8')
        } catch {
          // Of another secret, or changed on the way.
        }
      }
      return undefined
    },
  }
}

function keysOf(secret: string, { hkdfSync }: typeof Crypto): Keys {
  assertJwtSecret(secret)
  const derive = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, '', `msc realtime bus ${use}`, 32))
  return { signing: derive('signing'), sealing: derive('sealing') }
}
