/**
 * What programs for @discordjs/voice, a Lavalink client and discord.py look like with this package. Comments name the
 * original calls. `imperatively` is for programs whose handlers are not effects. Runs against the emulator; no token
 * needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Deferred, Effect, Exit, type Layer, ManagedRuntime, Scope, Stream } from "effect"
import {
  AudioSource,
  type Gateway,
  OpusEncoder,
  TrackQueue,
  type UserId,
  type Voice,
  VoiceError,
  VoiceSession
} from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const file = new URL("song.ogg", import.meta.url)

const playOnce = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  // joinVoiceChannel, and entersState(connection, VoiceConnectionStatus.Ready, 20_000)
  const session = yield* VoiceSession.join({ ...where, selfDeaf: true, joinTimeout: "20 seconds" })
  // createAudioResource with inlineVolume, createAudioPlayer, connection.subscribe, player.play
  const track = yield* session.play(AudioSource.fromFile(file), { gain: 0.5, until: "2 seconds" })
  // entersState(player, AudioPlayerStatus.Idle, ...), and player.on("error")
  const end = yield* track.awaitEnd
  if (end._tag === "Failed") yield* Effect.logError(end.error.message)
  return end._tag
  // connection.destroy(), when the scope closes
}, Effect.scoped)

const hearOne = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, userId: UserId) {
  const session = yield* VoiceSession.join(where)
  // receiver.subscribe(userId, { end: { behavior: EndBehaviorType.AfterSilence, duration: 1_000 } }), and a decoder
  return yield* session.receive.utterances({ silence: "1 second" }).pipe(
    Stream.filter((utterance) => utterance.userId === userId),
    Stream.take(1),
    Stream.runCollect
  )
}, Effect.scoped)

interface Request {
  readonly requester: string
}

const jukebox = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  // manager.createPlayer, player.connect
  const queue = yield* TrackQueue.make<never, Request>(session)
  // manager.on("trackStart"), manager.on("trackError")
  yield* queue.events.pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "Started":
          return Effect.log(`${event.entry.name}, for ${event.entry.data?.requester}`)
        case "Failed":
          return Effect.logWarning(event.error.message)
        default:
          return Effect.void
      }
    }),
    Effect.forkScoped
  )
  // player.queue.add, player.play
  yield* queue.add(AudioSource.fromFile(file), { data: { requester: "ada" } })
  yield* queue.add(AudioSource.fromFile(file), { until: "1 second", data: { requester: "bob" } })
  // player.setVolume(50), player.seek(1_000), player.skip()
  yield* queue.setGain(0.5)
  const track = yield* queue.current
  if (track !== undefined) yield* track.seek("1 second")
  yield* queue.skip
  // manager.on("queueEnd")
  yield* queue.awaitIdle
  return (yield* queue.contents).history.map(({ data }) => data?.requester)
}, Effect.scoped)

const afterwards = Effect.fnUntraced(
  function*(session: VoiceSession.VoiceSession, source: AudioSource.AudioSource, after: Effect.Effect<void>) {
    // vc.play(source, after=...)
    const track = yield* session.play(source)
    yield* Effect.forkScoped(Effect.andThen(track.awaitEnd, after))
    return track
  }
)

const next = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const over = yield* Deferred.make<string>()
  const beep = AudioSource.tone({ frequency: 880, duration: "200 millis" })
  yield* afterwards(session, beep, Effect.asVoid(Deferred.succeed(over, "over")))
  return yield* Deferred.await(over)
}, Effect.scoped)

const imperatively = async (
  live: Layer.Layer<Gateway.Gateway | Voice.Voice, VoiceError.VoiceError>,
  where: VoiceSession.JoinOptions
) => {
  // once for the program
  const voice = ManagedRuntime.make(live)
  // once for each session
  const scope = Scope.makeUnsafe()
  try {
    const session = await voice.runPromise(Scope.provide(VoiceSession.join(where), scope))
    const track = await voice.runPromise(session.play(AudioSource.fromFile(file), { until: "1 second" }))
    return (await voice.runPromise(track.awaitEnd))._tag
  } catch (error) {
    // the promise is rejected with the error itself
    if (error instanceof VoiceError.VoiceError) return error.reason._tag
    throw error
  } finally {
    // leave the channel
    await voice.runPromise(Scope.close(scope, Exit.void))
    await voice.dispose()
  }
}

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const voice = discord.layerVoice("bot")

  assert.equal(yield* Effect.provide(playOnce(where), voice), "Finished")
  assert.deepEqual(yield* Effect.provide(jukebox(where), voice), ["ada", "bob"])
  assert.equal(yield* Effect.provide(next(where), voice), "over")
  assert.equal(yield* Effect.promise(() => imperatively(voice, where)), "Finished")

  const speaking = Effect.andThen(guest.speak(yield* tone.frames(1)), Effect.sleep("1500 millis"))
  yield* Effect.forkScoped(Effect.forever(speaking))
  const [said] = yield* Effect.provide(hearOne(where, guest.userId), voice)
  assert.equal(said?.userId, guest.userId)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
