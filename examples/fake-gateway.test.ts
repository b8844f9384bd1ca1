/**
 * Tests a bot with a fake main gateway that never answers. Run it with Vitest.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { ChannelId, Gateway, GuildId, Mixer, UserId } from "effect-discord-voice"
import { MockOpusEncoder, MockVoiceDriver } from "effect-discord-voice/testing"
import { TestClock } from "effect/testing"
import { greeter } from "./greeter.ts"

const where = { guildId: GuildId.make("10"), channelId: ChannelId.make("20") }

it.effect("says what is missing when nobody answers", () =>
  Effect.gen(function*() {
    const asked: Array<ChannelId | null> = []
    const FakeGateway = Layer.succeed(Gateway.Gateway, {
      userId: Effect.succeed(UserId.make("1")),
      updateVoiceState: ({ channel_id }) => Effect.sync(() => void asked.push(channel_id)),
      subscribe: Effect.succeed(Stream.never),
      lifecycle: Option.none(),
      initialVoiceState: Option.none()
    })
    const bot = yield* greeter(where).pipe(
      Effect.provide([FakeGateway, MockVoiceDriver.layer, MockOpusEncoder.layer]),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* TestClock.adjust("15 seconds")
    const { reason } = yield* Effect.flip(Fiber.join(bot))
    assert(reason._tag === "JoinTimedOut")
    assert.strictEqual(reason.missing, "both")
    assert.deepStrictEqual(asked, [where.channelId, null])
    // provided out here, so that the codec is loaded before the clock is advanced
  }).pipe(Effect.provide(Mixer.layer)))
