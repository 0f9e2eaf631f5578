import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { BODY_TIMEOUT_MS, bodyProblem, readBody, type ProblemOptions } from '@msc/core/http-request'

export type DecompressedBody =
  | { readonly bytes: Uint8Array; readonly refused?: never }
  | { readonly bytes?: never; readonly refused: ProblemOptions }

/** What is answered to a body that is not what its sender says it is. */
export const UNREADABLE_BODY: ProblemOptions = {
  status: 400,
  title: 'The body can not be read',
  code: 'BODY_MALFORMED',
}
const UNKNOWN_ENCODING: ProblemOptions = {
  status: 415,
  title: 'The encoding of the body is none that is read here',
  code: 'CONTENT_ENCODING_UNSUPPORTED',
}

type Decompress = (body: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Uint8Array>

const gunzip = promisify(zlib.gunzip) as Decompress
const inflate = promisify(zlib.inflate) as Decompress
const inflateRaw = promisify(zlib.inflateRaw) as Decompress
const brotli = promisify(zlib.brotliDecompress) as Decompress
// Node has zstd since 22.15, and this package supports slightly older versions.
const zstd = zlib.zstdDecompress && (promisify(zlib.zstdDecompress) as Decompress)

/**
 * Reads the bytes of a request, decompressed. Refuses more than `maxBytes`, before or after decompression.
 *
 * @throws ConfigError `BODY_CONSUMED` when the body has been read already.
 */
export async function readDecompressed(request: Request, maxBytes: number): Promise<DecompressedBody> {
  const { signal } = request
  const { bytes, refused } = await readBody(request, { maxBytes, timeoutMs: BODY_TIMEOUT_MS, signal })
  if (refused !== undefined) return { refused: bodyProblem(refused, maxBytes) }
  return decompress(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), request, maxBytes)
}

async function decompress(body: Buffer, { headers }: Request, maxBytes: number): Promise<DecompressedBody> {
  const encoding = headers.get('content-encoding')
  const decoder = decoderFor(body, encoding?.trim().toLowerCase() ?? '')
  if (decoder === undefined) return { refused: UNKNOWN_ENCODING }
  if (decoder === 'none') return { bytes: body }
  try {
    // Runs on a thread and stops at the limit: a small body can hold a very long text.
    return { bytes: await decoder(body, { maxOutputLength: maxBytes }) }
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return { refused: isTooLarge ? bodyProblem('too-large', maxBytes) : UNREADABLE_BODY }
  }
}

function decoderFor(body: Buffer, encoding: string): Decompress | 'none' | undefined {
  // Some SDKs compress without the header, and some proxies decompress without removing it.
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzip
  switch (encoding) {
    case '':
    case 'identity':
    case 'gzip':
    case 'x-gzip':
      return 'none'
    case 'deflate':
      return hasZlibHeader(body) ? inflate : inflateRaw
    case 'br':
      return brotli
    case 'zstd':
      return zstd
    default:
      return undefined
  }
}

/** Some senders use "deflate" for data without the zlib header. Source: RFC 1950, section 2.2. */
function hasZlibHeader(body: Buffer): boolean {
  const [first = 0, second = 0] = body
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0
}
