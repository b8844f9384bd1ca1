import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import * as Sounds from "../core/sounds.ts"

const memory = Emulator.layerMemory()

const detailOf = (failing: Effect.Effect<void, Emulator.EmulatorError>) =>
  Effect.map(Effect.flip(failing), ({ message }) => message)

describe("sounds and emoji of participants", () => {
  it.effect("are seen by the other participants", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createGuild({ name: "second" })
      const id = yield* discord.createSound({ name: "yay", data: Sounds.ogg(1), emoji: "🎉" })
      const far = yield* discord.createSound({ name: "far", guild: "second", volume: 0.2 })
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const other = yield* discord.join({ user: "other", channel: "lobby" })
      const third = yield* discord.join({ user: "third", channel: "secure" })
      const waiting = yield* Effect.forkChild(other.awaitEffects(4), { startImmediately: true })
      yield* guest.sendSound("quack")
      yield* guest.sendSound(id)
      yield* guest.sendSound("far", { guild: "second" })
      yield* guest.sendEmoji("👍")
      const shown = (yield* Fiber.join(waiting)).map(({ emoji, sound, userId }) => [userId, sound?.name, emoji])
      assert.deepStrictEqual(shown, [
        [guest.userId, "quack", "🦆"],
        [guest.userId, "yay", "🎉"],
        [guest.userId, "far", undefined],
        [guest.userId, undefined, "👍"]
      ])
      assert.deepInclude((yield* other.effects)[2]?.sound, { id: far, volume: 0.2 })
      // A participant does not see its own, nor those of other channels.
      assert.deepStrictEqual(yield* guest.effects, [])
      assert.deepStrictEqual(yield* third.effects, [])
      yield* discord.faults.moveUser("third", "lobby")
      yield* other.sendEmoji("👎")
      assert.deepStrictEqual((yield* third.effects).map(({ emoji }) => emoji), ["👎"])
      const gone = yield* Effect.forkChild(Effect.flip(other.awaitEffects(5)), { startImmediately: true })
      yield* other.leave
      assert.strictEqual((yield* Fiber.join(gone)).reason._tag, "NotInVoice")
    }).pipe(Effect.scoped, Effect.provide(memory)))

  it.effect("fail with the reason where Discord would refuse them", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createSound({ name: "yay" })
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const speaker = yield* discord.join({ user: "speaker", channel: "stage" })
      assert.strictEqual(
        yield* detailOf(guest.sendSound("boo")),
        "\"guest\" cannot send the sound \"boo\": no sound has that name. Known sounds: yay, quack."
      )
      assert.include(yield* detailOf(guest.sendSound("quack", { guild: "nowhere" })), "no guild \"nowhere\"")
      assert.include(yield* detailOf(guest.sendEmoji("boo")), "cannot send the emoji \"boo\": that is not an emoji.")
      assert.include(yield* detailOf(speaker.sendSound("quack")), "the user is in a stage")
      yield* guest.setSelf({ deaf: true })
      assert.include(yield* detailOf(guest.sendSound("quack")), "the user is deaf, or")
      yield* guest.setSelf({ deaf: false, mute: true })
      yield* guest.sendSound("quack")
      yield* discord.faults.deny("guest", "lobby", { speak: true })
      assert.include(yield* detailOf(guest.sendSound("quack")), "SPEAK and USE_SOUNDBOARD")
      yield* guest.leave
      assert.include(yield* detailOf(guest.sendEmoji("👍")), "the user has left or was removed")
      const taken = yield* Effect.flip(discord.createSound({ name: "y" }))
      assert.deepInclude(taken.reason, { _tag: "InvalidOption", option: "sound" })
    }).pipe(Effect.scoped, Effect.provide(memory)))

  it.effect("can come from bots as well", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const channelId = yield* discord.channel("lobby")
      const { id, token } = yield* discord.user("bot")
      yield* Effect.gen(function*() {
        yield* VoiceSession.join({ guildId: yield* discord.guild("guild"), channelId })
        const answer = yield* discord.rest({
          method: "POST",
          path: `/channels/${channelId}/send-soundboard-sound`,
          authorization: `Bot ${Redacted.value(token)}`,
          body: "{\"sound_id\":\"1\"}"
        })
        assert.strictEqual(answer.status, 204)
      }).pipe(Effect.scoped, Effect.provide(discord.layerVoice("bot")))
      const [effect] = yield* guest.awaitEffects(1)
      assert.deepNestedInclude(effect, { userId: id, "sound.name": "quack" })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(memory)))
})
