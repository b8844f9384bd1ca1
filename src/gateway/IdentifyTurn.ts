/**
 * Which of the shards of one bot in a process may identify next.
 *
 * Discord takes one Identify in five seconds from all shards whose ids have the same remainder when divided by the bot's
 * `max_concurrency`, and answers others with Invalid Session (Discord docs, Gateway, Sharding, Max Concurrency). Each of
 * those uses up one of the thousand of the day.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"

/**
 * Somewhat more than Discord's interval: if a connection takes longer to open than the next one, its Identify arrives later
 * than planned.
 */
const spacingMs = 5_500

/**
 * When the next in line may identify, in milliseconds of a clock. The keys do not contain the tokens, only something that
 * distinguishes them.
 */
const nextMs = new WeakMap<Clock.Clock, Map<string, number>>()

/**
 * Waits for its turn. A bot has as many lines as shards may identify at a time; `line` is the number of the shard's line,
 * from 0 on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = (clock: Clock.Clock, token: Redacted.Redacted, line: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const lines = nextMs.get(clock) ?? new Map<string, number>()
    nextMs.set(clock, lines)
    const nowMs = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    for (const [former, freeMs] of lines) if (freeMs <= nowMs) lines.delete(former)
    const name = `${createHash("sha256").update(Redacted.value(token)).digest("base64")} ${line}`
    const turnMs = lines.get(name) ?? nowMs
    lines.set(name, turnMs + spacingMs)
    if (turnMs <= nowMs) return Effect.void
    // an interrupted shard gives its turn back: otherwise one that tries again and again would wait longer each time
    const giveBack = Effect.sync(() => {
      if (lines.get(name) === turnMs + spacingMs) lines.set(name, turnMs)
    })
    return Effect.onInterrupt(Effect.sleep(turnMs - nowMs), () => giveBack)
  })
