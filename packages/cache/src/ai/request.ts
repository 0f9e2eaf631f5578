import { hexOf } from '@msc/core/hash'
import { ValidationError } from '@msc/core'
import { stringify } from 'devalue'
import { sorted } from '../keys.ts'

/** What is asked of a model: all that its answer depends on, and nothing else. */
export interface AIRequest {
  readonly model: string
  readonly messages?: unknown
  readonly prompt?: unknown
  /** Temperature, tools, response format, seed: whatever changes the answer. Property order makes no difference. */
  readonly params?: unknown
  /** Whose request it is: no tenant is ever given an answer to another's. Default: shared by all who name none. */
  readonly tenant?: string
}

/**
 * The cache key of a request: the same for equal requests, whatever the order of their properties. Tenant and model
 * stay readable, for patterns; the rest is a SHA-256, so that two requests can't be taken for each other.
 *
 * @throws ValidationError for a request that names no model, or asks nothing.
 */
export async function aiKey(request: AIRequest): Promise<string> {
  const { model, messages, prompt, params, tenant } = request
  if (typeof model !== 'string' || model === '' || (messages === undefined && prompt === undefined)) {
    throw new ValidationError('[msc/cache] cacheAI needs `model`, and `messages` or `prompt`.', [], {
      code: 'AI_REQUEST_INVALID',
    })
  }
  const text = stringify(sorted({ model, messages, prompt, params, tenant: tenant ?? null }))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  const hash = hexOf(digest)
  return `ai:${encodeURIComponent(tenant ?? '')}:${encodeURIComponent(model)}:${hash}`
}

/** The tags of its entry: all answers, a tenant's, a model's. */
export function aiTags({ model, tenant }: Pick<AIRequest, 'model' | 'tenant'>): string[] {
  return ['ai', modelTag(model), ...(tenant === undefined ? [] : [tenantTag(tenant)])]
}

export const modelTag = (model: string): string => `ai:model:${model}`
export const tenantTag = (tenant: string): string => `ai:tenant:${tenant}`
