import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Unheard from "../../../src/cli/emulator/Unheard.ts"
import * as Emulator from "../../../src/emulator/Emulator.ts"

describe("Unheard", () => {
  it.effect("says why one guest does not hear another", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createUser({ name: "speaker" })
      const named = (name: string) => Effect.map(discord.user(name), ({ id }) => ({ id, name }))
      const why = Effect.gen(function*() {
        const [speaker, guest] = [yield* named("speaker"), yield* named("guest")]
        return Unheard.why(yield* discord.snapshot, speaker, guest)
      })
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      assert.strictEqual(yield* why, "\"speaker\" is in no voice channel")
      const elsewhere = yield* discord.join({ user: "speaker", channel: "secure" })
      assert.strictEqual(yield* why, "\"speaker\" is in \"secure\", and \"guest\" in \"lobby\"")
      yield* elsewhere.leave
      const speaker = yield* discord.join({ user: "speaker", channel: "lobby" })
      assert.isUndefined(yield* why)
      yield* guest.setSelf({ deaf: true })
      assert.strictEqual(yield* why, "\"guest\" is deaf")
      yield* speaker.setSelf({ mute: true })
      assert.strictEqual(yield* why, "\"speaker\" has muted itself")
      yield* discord.faults.muteUser("speaker", { mute: true })
      assert.strictEqual(yield* why, "\"speaker\" was muted by a moderator")
      yield* discord.faults.deny("speaker", "lobby", { speak: true })
      assert.include(yield* why, "\"speaker\" is suppressed: it may not speak here")
      yield* guest.leave
      assert.strictEqual(yield* why, "\"guest\" is in no voice channel")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("says how far a bot has got with joining", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const bot = { id: (yield* discord.user("bot")).id, name: "bot" }
      yield* discord.join({ user: "guest", channel: "lobby" })
      const guest = { id: (yield* discord.user("guest")).id, name: "guest" }
      const snapshot = yield* discord.snapshot
      assert.strictEqual(Unheard.why(snapshot, bot, guest), "\"bot\" is not logged in")
      const [state] = snapshot.voiceStates
      const [session] = snapshot.voiceSessions
      assert.isDefined(state)
      assert.isDefined(session)
      const inChannel: Emulator.Snapshot = {
        ...snapshot,
        gatewaySessions: [{ userId: bot.id, intents: 0, connected: true, seq: 1 }],
        voiceStates: [state, { ...state, userId: bot.id }]
      }
      assert.include(Unheard.why(inChannel, bot, guest), "has not identified to the voice server")
      const as = (part: Partial<typeof session>) =>
        Unheard.why({ ...inChannel, voiceSessions: [{ ...session, userId: bot.id, ...part }] }, bot, guest)
      assert.include(as({ state: "identified" }), "no Select Protocol (op 1)")
      assert.include(as({ state: "lost" }), "has lost its connection")
      assert.include(as({ state: "ready", speaking: 0 }), "no Speaking (op 5)")
      assert.isUndefined(as({ state: "ready", speaking: 1 }))
      const [group] = snapshot.daveGroups
      assert.isDefined(group)
      const grouped = [{ ...group, epoch: 1, members: [{ userId: guest.id, leaf: 0 }] }]
      const voiceSessions = [{ ...session, userId: bot.id }]
      const why = Unheard.why({ ...inChannel, voiceSessions, daveGroups: grouped }, bot, guest)
      assert.include(why, "\"bot\" is not in the end-to-end encrypted group")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
