/**
 * Whose turn it is to identify among the shards of one bot in a process. Discord takes one Identify in five seconds of all shards whose ids
 * have the same remainder when divided by the bot's `max_concurrency`, and answers others with Invalid Session (Discord docs, Gateway,
 * Sharding, Max Concurrency): each of these is one of the thousand of a day.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"

/** Somewhat more than Discord's: a connection that takes longer to open than the next one comes later than it was sent. */
const spacingMs = 5_500

/** When who stands in a line may identify next, in milliseconds of a clock. Tokens are not kept, but what tells them apart. */
const nextMs = new WeakMap<Clock.Clock, Map<string, number>>()

/**
 * Waits for the turn. A bot has as many lines as may identify at a time; `line` is the number of the shard's, from 0 on.
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
    // whoever goes away before its turn gives it back: who comes again and again would wait longer each time
    const giveBack = Effect.sync(() => {
      if (lines.get(name) === turnMs + spacingMs) lines.set(name, turnMs)
    })
    return Effect.onInterrupt(Effect.sleep(turnMs - nowMs), () => giveBack)
  })
