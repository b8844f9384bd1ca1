import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { ChannelId } from "../../src/protocol/Identifier.ts"
import * as Lifetime from "../../src/session/Lifetime.ts"
import * as Moving from "../../src/session/Moving.ts"
import type { State } from "../../src/session/State.ts"
import type * as Whereabouts from "../../src/session/Whereabouts.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Gateway from "./gateway.ts"
import { guildId, home, other, voiceServer, voiceState } from "./rig.ts"

const third = ChannelId.make("22")
const endpoint = "voice.example:443"
const lost = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))

const connecting = (channelId: ChannelId): State => ({ _tag: "Connecting", endpoint, channelId })
const ready = (channelId: ChannelId): State => ({
  _tag: "Ready",
  endpoint,
  channelId,
  ssrc: 1,
  mode: "aead_aes256_gcm_rtpsize",
  version: 0
})
const resuming = (channelId: ChannelId): State => ({ _tag: "Resuming", endpoint, channelId, error: lost })
const reconnecting: State = { _tag: "Reconnecting", attempt: 1, delayMs: 0, error: lost }

/** A session in `home` whose states are set by the test. */
const rig = Effect.gen(function*() {
  const gateway = yield* Gateway.rig()
  const lifetime = yield* Lifetime.make(home)
  lifetime.show(ready(home))
  const target = { channelId: home }
  const conduit = { holds: 0, releases: 0, onHold: Effect.void }
  const shown: { flags: Whereabouts.Flags } = { flags: Gateway.silent }
  const moving = Moving.make({
    guildId,
    target,
    joinTimeout: Duration.seconds(15),
    flags: () => shown.flags,
    state: () => lifetime.state(),
    states: () => lifetime.states(),
    whereabouts: gateway.whereabouts,
    conduit: {
      hold: Effect.suspend(() => {
        conduit.holds++
        return conduit.onHold
      }),
      release: Effect.sync(() => void conduit.releases++)
    }
  })
  yield* gateway.say(voiceState(home), voiceServer("home"))
  return {
    ...gateway,
    moving,
    target,
    conduit,
    shown,
    become: (state: State) => Effect.andThen(Effect.sync(() => lifetime.show(state)), Time.advance("1 millis")),
    /** Begins a move to `other`. */
    move: Effect.tap(Gateway.start(Effect.flip(moving.move(other))), Time.advance("1 millis"))
  }
})

describe("Moving", () => {
  Gateway.test(
    "asks once, and has moved only when the session is ready there",
    Effect.gen(function*() {
      const { become, conduit, moving, take, waiting } = yield* rig
      const moved = yield* Gateway.start(moving.move(other))
      assert.strictEqual((yield* take).channel_id, other)
      assert.strictEqual(moving.to(), other)
      for (const state of [resuming(home), ready(home), resuming(other)]) {
        yield* become(state)
        assert.isUndefined(moved.pollUnsafe(), state._tag)
      }
      assert.strictEqual(yield* waiting, 0)
      yield* become(ready(other))
      yield* Fiber.join(moved)
      assert.isUndefined(moving.to())
      assert.deepInclude(conduit, { holds: 1, releases: 1 })
    })
  )

  for (const [what, event, releases] of [["nothing", undefined, 1], ["something", voiceState(other), 0]] as const) {
    Gateway.test(
      `lets audio go on ${releases} times if after a second ${what} has come of it`,
      Effect.gen(function*() {
        const { conduit, move, say } = yield* rig
        yield* move
        if (event !== undefined) yield* say(event)
        yield* Time.advance("2 seconds")
        assert.strictEqual(conduit.releases, releases)
      })
    )
  }

  Gateway.test(
    "asks when the session is ready again if it changed while audio fell silent",
    Effect.gen(function*() {
      const { become, conduit, move, take, waiting } = yield* rig
      conduit.onHold = become(resuming(home))
      const moved = yield* move
      conduit.onHold = Effect.void
      yield* Time.advance("1 millis")
      assert.strictEqual(yield* waiting, 1)
      assert.strictEqual(conduit.holds, 2)
      assert.strictEqual((yield* take).channel_id, other)
      assert.isUndefined(moved.pollUnsafe())
    })
  )

  Gateway.test(
    "does not wait for Discord while the message limit holds, and lets audio go on meanwhile",
    Effect.gen(function*() {
      const { become, conduit, hold, moving, release, take } = yield* rig
      yield* hold
      const moved = yield* Gateway.start(moving.move(other))
      yield* Time.advance("2 seconds")
      assert.strictEqual(conduit.releases, 1)
      yield* Time.advance("1 minute")
      assert.isUndefined(moved.pollUnsafe())
      yield* release
      assert.strictEqual((yield* take).channel_id, other)
      yield* Time.advance("14 seconds")
      assert.isUndefined(moved.pollUnsafe())
      yield* become(ready(other))
      yield* Fiber.join(moved)
    })
  )

  for (const held of ["10 seconds", "1 minute"] as const) {
    Gateway.test(
      `gives Discord its time from when it was asked, ${held} later`,
      Effect.gen(function*() {
        const { hold, move, release } = yield* rig
        yield* hold
        const failed = yield* move
        yield* Time.advance(held)
        yield* release
        yield* Time.advance("14900 millis")
        assert.isUndefined(failed.pollUnsafe())
        yield* Time.advance("100 millis")
        const { reason } = yield* Fiber.join(failed)
        assert.deepInclude(reason, { _tag: "JoinTimedOut", missing: "both" })
      })
    )
  }

  Gateway.test(
    "asks again after an outage, and gives Discord its time from then on",
    Effect.gen(function*() {
      const { hold, move, push, release, take, waiting } = yield* rig
      const failed = yield* move
      assert.strictEqual((yield* take).channel_id, other)
      yield* Time.advance("5 seconds")
      yield* hold
      for (const isAvailable of [false, true]) yield* push({ _tag: "Availability", guildId, isAvailable })
      yield* Time.advance("1 minute")
      assert.isUndefined(failed.pollUnsafe())
      assert.strictEqual(yield* waiting, 0)
      yield* release
      assert.strictEqual((yield* take).channel_id, other)
      yield* Time.advance("14900 millis")
      assert.isUndefined(failed.pollUnsafe())
      yield* Time.advance("100 millis")
      const { reason } = yield* Fiber.join(failed)
      assert.deepInclude(reason, { _tag: "JoinTimedOut", missing: "both" })
    })
  )

  Gateway.test(
    "asks again if the main gateway resumes and has repeated no answer: the request was lost with the connection",
    Effect.gen(function*() {
      const { move, pushLifecycle, say, take, waiting } = yield* rig
      yield* move
      assert.strictEqual((yield* take).channel_id, other)
      yield* pushLifecycle("Lost")
      yield* Time.advance("1 second")
      yield* pushLifecycle("Resumed")
      yield* Time.advance("1 second")
      assert.strictEqual((yield* take).channel_id, other)
      yield* say(voiceState(other))
      yield* pushLifecycle("Resumed")
      yield* Time.advance("1 second")
      assert.strictEqual(yield* waiting, 0)
    })
  )

  Gateway.test(
    "asks once if an outage ended while the request waited to be sent, and again after the next one",
    Effect.gen(function*() {
      const { hold, move, push, release, take, waiting } = yield* rig
      const outage = Effect.gen(function*() {
        for (const isAvailable of [false, true]) yield* push({ _tag: "Availability", guildId, isAvailable })
        yield* Time.advance("1 second")
      })
      yield* hold
      yield* move
      yield* outage
      yield* release
      assert.strictEqual((yield* take).channel_id, other)
      yield* Time.advance("1 second")
      assert.strictEqual(yield* waiting, 0)
      yield* outage
      assert.strictEqual((yield* take).channel_id, other)
      assert.strictEqual(yield* waiting, 0)
    })
  )

  Gateway.test(
    "reports that the gateway has not taken the request",
    Effect.gen(function*() {
      const { block, conduit, move } = yield* rig
      yield* block
      const failed = yield* move
      yield* Time.advance("15 seconds")
      assert.deepInclude((yield* Fiber.join(failed)).reason, {
        _tag: "JoinTimedOut",
        missing: "gateway",
        elapsedMs: 15_000
      })
      assert.strictEqual(conduit.releases, 2)
    })
  )

  Gateway.test(
    "reports that the connection is missing if Discord has admitted the session",
    Effect.gen(function*() {
      const { move, say } = yield* rig
      const failed = yield* move
      yield* say(voiceState(other), voiceServer("there"))
      yield* Time.advance("15 seconds")
      assert.deepInclude((yield* Fiber.join(failed)).reason, { _tag: "JoinTimedOut", missing: "connection" })
    })
  )

  for (
    const [name, states, here, to] of [
      ["where it was", [reconnecting], null, home],
      ["where it became ready since", [ready(third), reconnecting], null, third],
      ["where it has been connecting since", [connecting(third), reconnecting], null, third],
      ["where it was, not where it moved in vain", [connecting(other), reconnecting], null, home],
      ["where a moderator has moved it", [reconnecting], third, third],
      ["where Discord has it by now", [reconnecting], other, other]
    ] as const
  ) {
    Gateway.test(
      `targets the channel ${name} after it took too long`,
      Effect.gen(function*() {
        const { become, move, say, target } = yield* rig
        const failed = yield* move
        for (const state of states) yield* become(state)
        assert.strictEqual(target.channelId, other)
        yield* say(voiceState(here))
        yield* Time.advance("15 seconds")
        yield* Fiber.join(failed)
        assert.strictEqual(target.channelId, to)
      })
    )
  }

  Gateway.test(
    "does not change a target that somebody else has set",
    Effect.gen(function*() {
      const { become, move, target } = yield* rig
      const failed = yield* move
      yield* become(reconnecting)
      target.channelId = third
      yield* Time.advance("15 seconds")
      yield* Fiber.join(failed)
      assert.strictEqual(target.channelId, third)
    })
  )

  Gateway.test(
    "is not refused once something has come of it",
    Effect.gen(function*() {
      const { move, say } = yield* rig
      const failed = yield* move
      yield* say(voiceState(other))
      yield* Time.advance("14 seconds")
      assert.isUndefined(failed.pollUnsafe())
    }),
    { obstacle: () => "Connect" }
  )

  Gateway.test(
    "fails if its own channel refuses the session that comes back, and with no other error",
    Effect.gen(function*() {
      const { become, move, moving, target } = yield* rig
      const notAdmitted = (channelId: ChannelId) =>
        VoiceError.make(new VoiceError.NotAdmitted({ guildId, channelId, obstacle: "Connect" }))
      assert.isFalse(moving.refuse(notAdmitted(other)), "nobody moves")
      const failed = yield* move
      yield* become(reconnecting)
      const timedOut = new VoiceError.JoinTimedOut({ guildId, channelId: other, missing: "both", elapsedMs: 15_000 })
      assert.isFalse(moving.refuse(VoiceError.make(timedOut)))
      assert.isFalse(moving.refuse(notAdmitted(third)))
      assert.strictEqual(target.channelId, other)
      const error = notAdmitted(other)
      assert.isTrue(moving.refuse(error))
      assert.strictEqual(target.channelId, home)
      assert.strictEqual(yield* Fiber.join(failed), error)
      assert.isFalse(moving.refuse(error))
    })
  )

  for (const now of [ready(home), resuming(home)]) {
    for (
      const [how, flags] of [["muted", { mute: true, deaf: false }], ["deaf", { mute: false, deaf: true }]] as const
    ) {
      Gateway.test(
        `tells Discord where it still is, ${now._tag}, that it is ${how} after a move that failed`,
        Effect.gen(function*() {
          const { become, hold, move, release, shown, take, waiting } = yield* rig
          const failed = yield* move
          assert.strictEqual((yield* take).channel_id, other)
          yield* become(now)
          // Discord was told with the move, which has failed
          shown.flags = flags
          yield* hold
          yield* Time.advance("15 seconds")
          // the failure does not wait for the message limit
          assert.isDefined(failed.pollUnsafe())
          assert.strictEqual(yield* waiting, 0)
          yield* release
          yield* Time.advance("1 millis")
          assert.strictEqual(yield* waiting, 1)
          assert.deepInclude(yield* take, { channel_id: home, self_mute: flags.mute, self_deaf: flags.deaf })
        })
      )
    }
  }

  Gateway.test(
    "tells nothing after a failed move if no flag has changed or a connection on its way tells it",
    Effect.gen(function*() {
      const { become, move, moving, shown, take, waiting } = yield* rig
      const failed = yield* move
      assert.strictEqual((yield* take).channel_id, other)
      yield* Time.advance("15 seconds")
      yield* Fiber.join(failed)
      const again = yield* Gateway.start(Effect.flip(moving.move(other)))
      assert.strictEqual((yield* take).channel_id, other)
      shown.flags = { mute: true, deaf: true }
      yield* become(reconnecting)
      yield* Time.advance("15 seconds")
      yield* Fiber.join(again)
      assert.strictEqual(yield* waiting, 0)
    })
  )

  Gateway.test(
    "does not target a channel that refused it, whatever the session does at that moment",
    Effect.gen(function*() {
      const { become, move, moving, target } = yield* rig
      const failed = yield* move
      yield* become(reconnecting)
      moving.refuse(VoiceError.make(new VoiceError.NotAdmitted({ guildId, channelId: other, obstacle: "Connect" })))
      yield* become({ ...reconnecting, attempt: 2 })
      yield* Fiber.join(failed)
      assert.strictEqual(target.channelId, home)
    })
  )
})
