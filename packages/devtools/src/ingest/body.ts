import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

export type ReadBody =
  | { readonly bytes: Uint8Array; readonly refused?: never }
  | { readonly bytes?: never; readonly refused: 'too large' | 'unreadable' | 'unknown encoding' }

type Decompress = (body: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Uint8Array>

const gunzip = promisify(zlib.gunzip) as Decompress
const inflate = promisify(zlib.inflate) as Decompress
const inflateRaw = promisify(zlib.inflateRaw) as Decompress
const brotli = promisify(zlib.brotliDecompress) as Decompress
// Node has zstd since 22.15, and this package supports slightly older versions.
const zstd = zlib.zstdDecompress && (promisify(zlib.zstdDecompress) as Decompress)

/** Reads the bytes of a request, decompressed. Refuses more than `maxBytes`, before or after decompression. */
export async function readBody(request: Request, maxBytes: number): Promise<ReadBody> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return { refused: 'too large' }
  let body: Buffer
  try {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of request.body ?? []) {
      size += chunk.byteLength
      if (size > maxBytes) return { refused: 'too large' }
      chunks.push(chunk)
    }
    body = Buffer.concat(chunks)
  } catch {
    // The sender closed the connection before the end of the body.
    return { refused: 'unreadable' }
  }
  return decompress(body, request.headers.get('content-encoding'), maxBytes)
}

async function decompress(body: Buffer, encoding: string | null, maxBytes: number): Promise<ReadBody> {
  const decoder = decoderFor(body, encoding?.trim().toLowerCase() ?? '')
  if (decoder === undefined) return { refused: 'unknown encoding' }
  if (decoder === 'none') return { bytes: body }
  try {
    // Runs on a thread and stops at the limit: a small body can hold a very long text.
    return { bytes: await decoder(body, { maxOutputLength: maxBytes }) }
  } catch (error) {
    return { refused: (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'unreadable' }
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
