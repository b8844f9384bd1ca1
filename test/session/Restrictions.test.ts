import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import { UserId } from "../../src/protocol/Identifier.ts"
import * as Restrictions from "../../src/session/Restrictions.ts"
import * as Time from "../../src/testing/Time.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import { frames, join, memory, run } from "../integration/rig.ts"
import { rig, test } from "./gateway.ts"
import * as Rig from "./rig.ts"

const none: VoiceSession.Restrictions = { serverMute: false, serverDeaf: false, suppress: false }

const warnings = () => {
  const said: Array<unknown> = []
  return { said, layer: Logger.layer([Logger.make(({ message }) => said.push(message))]) }
}

const follow = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const heard: Array<VoiceSession.Restrictions> = []
  yield* (yield* session.events).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag === "Restricted") heard.push(event.restrictions)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return heard
})

describe("Restrictions", () => {
  it.effect("are those of the bot's own voice state, reported once each, with a warning", () => {
    const { layer, said } = warnings()
    return Effect.gen(function*() {
      const { join, say } = yield* Rig.make()
      const session = yield* join
      assert.deepStrictEqual(yield* session.restrictions, none)
      const heard = yield* follow(session)
      const own = (flags: Partial<GatewayPayload.VoiceState>) =>
        Effect.andThen(
          say({ _tag: "VoiceState", state: { ...Rig.stateOf(Rig.home), ...flags } }),
          Time.advance("1 millis")
        )
      yield* say({ _tag: "VoiceState", state: { ...Rig.stateOf(Rig.home, UserId.make("2")), mute: true } })
      yield* own({ self_mute: true, self_deaf: true })
      assert.deepStrictEqual(heard, [])
      yield* own({ mute: true })
      yield* own({ mute: true, self_mute: true })
      yield* own({ mute: true, deaf: true })
      yield* own({ deaf: true, suppress: true })
      yield* own({})
      assert.deepStrictEqual(heard, [
        { ...none, serverMute: true },
        { ...none, serverMute: true, serverDeaf: true },
        { ...none, serverDeaf: true, suppress: true },
        none
      ])
      assert.deepStrictEqual(yield* session.restrictions, none)
      const muted = "nobody hears the bot: a moderator has muted it"
      const deafened = "the bot hears nobody: a moderator has deafened it"
      const audience = "nobody hears the bot: it is in the audience of a stage, or may not speak in the channel"
      assert.deepStrictEqual(
        said.map(String),
        [muted, `${muted}; ${deafened}`, `${audience}; ${deafened}`].map((what) =>
          `In the voice channel of guild 10, ${what}.`
        )
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("that deafen the bot also stop it from receiving", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* Effect.forkScoped(Stream.runDrain(session.receive.frames), { startImmediately: true })
      yield* Time.advance("1 millis")
      const listens = Effect.map(
        it.driver.commands,
        (commands) => commands.flatMap((command) => command._tag === "Listen" ? [command.on] : [])
      )
      assert.deepStrictEqual(yield* listens, [true])
      const deaf = (deaf: boolean) =>
        Effect.andThen(
          it.say({ _tag: "VoiceState", state: { ...Rig.stateOf(Rig.home), deaf } }),
          Time.advance("1 millis")
        )
      yield* deaf(true)
      yield* deaf(false)
      // listening begins again after each change, so that nothing sent before counts as lost
      assert.deepStrictEqual(yield* listens, [true, false, true, false, true])
    }).pipe(Effect.provide(Logger.layer([]))))

  test(
    "are reported at once if they were there before",
    Effect.gen(function*() {
      const { say, whereabouts } = yield* rig()
      yield* say({ _tag: "VoiceState", state: { ...Rig.stateOf(Rig.home), deaf: true } })
      const heard: Array<VoiceSession.Restrictions> = []
      yield* Restrictions.follow(whereabouts, (restrictions) => heard.push(restrictions))
      assert.deepStrictEqual(heard, [{ ...none, serverDeaf: true }])
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("are those of a channel in which the bot may not speak, from the start and while it is there", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.faults.deny("bot", "lobby", { speak: true })
      yield* run(Effect.gen(function*() {
        const silenced = { ...none, suppress: true }
        const guest = yield* discord.join({ user: "guest", channel: "lobby" })
        const session = yield* join("lobby")
        assert.deepStrictEqual(yield* session.restrictions, silenced)
        const heard = yield* follow(session)
        yield* session.play(AudioSource.tone({ frequency: 440 }))
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(yield* guest.heard, [])
        // even if more is denied, or something else is allowed
        yield* discord.faults.deny("bot", "lobby", { speak: true, connect: true })
        yield* discord.faults.deny("bot", "stage", {})
        yield* discord.faults.deny("guest", "lobby", {})
        yield* Effect.sleep("1 second")
        yield* discord.faults.deny("bot", "lobby", {})
        yield* Effect.sleep("1 second")
        assert.isAbove((yield* guest.heard).length, 20)
        yield* discord.faults.deny("bot", "lobby", { speak: true })
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(heard, [none, silenced])
        yield* discord.faults.deny("guest", "lobby", { speak: true })
        yield* guest.speak(frames(5))
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.statistics).packetsReceived, 0)
        yield* discord.faults.deny("guest", "lobby", {})
        yield* guest.speak(frames(5))
        yield* Effect.sleep("1 second")
        assert.isAtLeast((yield* session.statistics).packetsReceived, 5)
        const advice = (yield* discord.advice).map(({ code }) => code)
        assert.include(advice, "suppressed-audio")
      }))
    }).pipe(Effect.provide([memory(), Logger.layer([])])))

  it.effect("of a stage hold from the start until a moderator lets the bot speak", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* run(Effect.gen(function*() {
        const session = yield* join("stage")
        assert.deepStrictEqual(yield* session.restrictions, { ...none, suppress: true })
        const heard = yield* follow(session)
        yield* discord.faults.suppressUser("bot", false)
        yield* Effect.sleep("1 second")
        yield* discord.faults.muteUser("bot", { mute: true })
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(heard, [none, { ...none, serverMute: true }])
      }))
    }).pipe(Effect.provide([memory(), Logger.layer([])])))
})
