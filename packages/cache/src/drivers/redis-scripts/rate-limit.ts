import type { Script } from './script.ts'

/**
 * `judgeCall` for several rules at once, all or none. KEYS one for each rule; ARGV[1] now in milliseconds, empty for the
 * server's own clock, ARGV[2] cost, then for each rule: algorithm, limit, window in milliseconds.
 *
 * Returns now, then for each rule: allowed, remaining, resetAt, allowedAt. Numbers as text: Redis would cut them off.
 */
export const RATE_LIMIT: Script = {
  name: 'rate-limit',
  lua: `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local cost = tonumber(ARGV[2])
local function text(number) return string.format('%.17g', number) end
local reply = {text(now)}
local writes = {}
local all = true
for i = 1, #KEYS do
  local algorithm = ARGV[i * 3]
  local limit = tonumber(ARGV[i * 3 + 1])
  local windowMs = tonumber(ARGV[i * 3 + 2])
  local stored = redis.call('GET', KEYS[i])
  local a, b, c
  if stored then a, b, c = string.match(stored, '^(%S+) (%S+) (%S+)$') end
  a, b, c = tonumber(a), tonumber(b), tonumber(c)
  local allowed, remaining, resetAt, allowedAt, state
  if algorithm == 'token-bucket' then
    local fullAt = a or 0
    if limit == 0 then
      allowed, remaining, resetAt, allowedAt = false, 0, now + windowMs, now + windowMs
    else
      local interval = windowMs / limit
      local from = math.max(fullAt, now)
      local until_ = from + cost * interval
      allowed = until_ - windowMs <= now + 0.001
      local last = from
      if allowed then last = until_ end
      remaining = math.max(0, math.floor((windowMs - (last - now)) / interval + 1e-6))
      resetAt = math.ceil(last)
      allowedAt = now
      if not allowed then allowedAt = math.max(math.ceil(until_ - windowMs), now + 1) end
      state = text(until_) .. ' 0 0'
    end
  else
    local window = math.floor(now / windowMs)
    local age = 2
    if c then age = window - c end
    local used, at, previous = 0, window, 0
    if age <= 0 then used, previous = a, b elseif age == 1 then previous = a end
    if age < 0 then at = c end
    local last = (at + 1) * windowMs
    if algorithm == 'sliding' then
      local weight = math.min(1, math.max(0, (last - now) / windowMs))
      local estimate = previous * weight + used
      allowed = estimate + cost <= limit
      allowedAt = now
      if not allowed then
        if used + cost <= limit then allowedAt = last - (windowMs * (limit - used - cost)) / previous
        elseif cost <= limit then allowedAt = last + windowMs - (windowMs * (limit - cost)) / used
        else allowedAt = last + windowMs end
        allowedAt = math.max(math.ceil(allowedAt), now + 1)
      end
      local left = limit - estimate
      if allowed then left = left - cost end
      remaining = math.max(0, math.floor(left))
      resetAt = last + windowMs
    else
      previous = 0
      allowed = used + cost <= limit
      local left = limit - used
      if allowed then left = left - cost end
      remaining = math.max(0, left)
      resetAt = last
      allowedAt = last
      if allowed then allowedAt = now end
    end
    state = text(used + cost) .. ' ' .. text(previous) .. ' ' .. text(at)
  end
  if not allowed then all = false end
  table.insert(reply, allowed and 1 or 0)
  table.insert(reply, text(remaining))
  table.insert(reply, text(resetAt))
  table.insert(reply, text(allowedAt))
  writes[i] = {state, math.max(1, math.ceil(resetAt - now))}
end
if all then
  for i = 1, #KEYS do
    if writes[i][1] then redis.call('SET', KEYS[i], writes[i][1], 'PX', string.format('%.0f', writes[i][2])) end
  end
end
return reply
`,
}
