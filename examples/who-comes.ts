/**
 * A bot that tells who comes into its channel and who goes, by name.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Queue, Stream } from "effect"
import { VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Tells of everybody who was not there before. */
const tellWhoComes = Effect.fnUntraced(function*(
  session: VoiceSession.VoiceSession,
  tell: (line: string) => Effect.Effect<unknown>
) {
  const events = yield* session.events
  const there = new Map(Array.from(yield* session.members, ([userId, { name }]) => [userId, name ?? userId]))
  yield* events.pipe(
    Stream.filter((event) => event._tag === "MemberChanged"),
    Stream.runForEach(({ member, userId }) => {
      const before = there.get(userId)
      if (member === undefined) {
        there.delete(userId)
        return before === undefined ? Effect.void : tell(`${before} has left`)
      }
      // the name may be known later than that somebody is there
      if (before !== undefined || member.name === undefined) return Effect.void
      there.set(userId, member.name)
      return tell(`${member.name} has come`)
    }),
    Effect.forkScoped({ startImmediately: true })
  )
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  }).pipe(Effect.provide(yield* Layer.build(discord.layerVoice("bot"))))
  const lines = yield* Queue.unbounded<string>()
  yield* tellWhoComes(session, (line) => Queue.offer(lines, line))

  const next = (expected: string) =>
    Queue.take(lines).pipe(
      Effect.tap((line) => Effect.log(line)),
      Effect.map((line) => assert.equal(line, expected))
    )
  const bob = yield* discord.join({ user: "bob", channel: "lobby" })
  yield* next("bob has come")
  yield* ada.leave
  yield* next("ada has left")
  // what somebody shows of itself is no arrival
  yield* bob.setSelf({ mute: true })
  yield* bob.leave
  yield* next("bob has left")
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
