/**
 * Two ways to use your own connection to Discord: plain callbacks, and a stream of dispatches. A bot plays to a guest
 * over each of them. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Cause, Effect, Layer, Queue, Redacted, Stream } from "effect"
import { AudioSource, Gateway, Voice, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { RawConnection } from "./raw-connection.ts"

const overCallbacks = (connection: RawConnection) =>
  Gateway.layerCallbacks({
    listen: (onDispatch, ended) => {
      connection.on("dispatch", onDispatch)
      connection.on("close", ended)
      return () => {
        connection.off("dispatch", onDispatch)
        connection.off("close", ended)
      }
    },
    send: (payload) => connection.send(payload)
  })

const overStream = (connection: RawConnection) =>
  Gateway.layerDispatch({
    dispatches: Effect.gen(function*() {
      const queue = yield* Queue.unbounded<unknown, Cause.Done>()
      connection.on("dispatch", (dispatch) => Queue.offerUnsafe(queue, dispatch))
      connection.on("close", () => Queue.endUnsafe(queue))
      yield* Effect.addFinalizer(() => Effect.sync(() => connection.removeAllListeners()))
      return Stream.fromQueue(queue)
    }),
    send: (payload) => Effect.sync(() => connection.send(payload))
  })

const play = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, isReady: Effect.Effect<void, unknown>) {
  const session = yield* VoiceSession.join(where)
  // wait for the connection, however long it takes on a busy machine
  yield* isReady
  const track = yield* session.play(AudioSource.fromFile(new URL("song.ogg", import.meta.url)))
  return yield* track.awaitEnd
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  for (const [name, layer] of [["callbacks", overCallbacks], ["stream", overStream]] as const) {
    // a bot may identify only once in five seconds, so each way has its own bot
    const { token } = yield* discord.createUser({ name, bot: true })
    const guest = yield* discord.join({ user: `guest of ${name}`, channel: "lobby" })
    const connection = new RawConnection(discord.urls.gateway, Redacted.value(token))
    const end = yield* Effect.provide(
      play(where, guest.awaitHeardBy(name)),
      Layer.merge(layer(connection), Voice.layer)
    )
    connection.close()
    const heard = yield* guest.heard
    yield* Effect.log(`Over ${name}: ${end._tag}. The guest heard ${heard.length} frames.`)
    assert.equal(end._tag, "Finished")
    assert.ok(heard.length >= 150, "three seconds in frames of 20 ms")
    yield* guest.leave
  }
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
