/**
 * A parrot: it answers everyone with what they have just said, in the same packets that it received. Runs against the
 * emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { AudioSource, OpusEncoder, type Receive, type UserId, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** Collects what each user says, and returns it when the user falls silent. */
const sayings = () => {
  const open = new Map<UserId, Array<Receive.ReceivedFrame>>()
  return (frame: Receive.ReceivedFrame): ReadonlyArray<ReadonlyArray<Receive.ReceivedFrame>> => {
    const said = open.get(frame.userId) ?? []
    if (frame.kind === "silence") {
      open.delete(frame.userId)
      return said.length === 0 ? [] : [said]
    }
    // lost frames cannot be repeated
    if (frame.kind === "audio") open.set(frame.userId, [...said, frame])
    return []
  }
}

const parrot = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const collect = sayings()
  yield* session.receive.frames.pipe(
    Stream.map(collect),
    Stream.flattenIterable,
    Stream.runForEach((said) =>
      Effect.gen(function*() {
        const track = yield* session.play(AudioSource.fromFrames(said))
        yield* track.awaitEnd
      })
    )
  )
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  yield* discord.createUser({ name: "parrot", bot: true })
  yield* Effect.forkScoped(parrot(where).pipe(Effect.provide(discord.layerVoice("parrot"))))
  // wait until the parrot is connected, however long it takes on a busy machine
  yield* guest.awaitHeardBy("parrot")
  // and until it listens
  yield* Effect.sleep("200 millis")

  const said = yield* tone.frames(1)
  yield* guest.speak(said)
  const heard = yield* guest.awaitFrames(said.length)

  yield* Effect.log(`The guest said ${said.length} frames, and heard ${heard.length} of them back.`)
  assert.deepEqual(heard.map(({ payload }) => Buffer.from(payload)), said.map(({ data }) => Buffer.from(data)))
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
