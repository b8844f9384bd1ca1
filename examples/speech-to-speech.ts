/**
 * An agent on a speech-to-speech service. The service receives everything that is said in the channel, pauses included,
 * and answers with audio, faster than real time. When somebody speaks over an answer, the agent falls silent, and the
 * service learns how much of the answer was heard. Messages have the names and fields of OpenAI's Realtime API; a small
 * server on this machine stands in for the service. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Data, Effect, Fiber, Option, Queue, Schema, Stream } from "effect"
import { AudioSource, OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { WebSocketServer } from "ws"
import * as tone from "./tone.ts"

/** In both directions, audio has this rate, one channel, and 16 bits, little-endian. */
const rate = 24_000

const item_id = Schema.String
const ServiceEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literal("input_audio_buffer.speech_started") }),
  Schema.Struct({ type: Schema.Literal("response.output_audio.delta"), item_id, delta: Schema.Uint8ArrayFromBase64 }),
  Schema.Struct({ type: Schema.Literal("response.output_audio.done"), item_id }),
  Schema.Struct({ type: Schema.Literal("error"), error: Schema.Struct({ message: Schema.String }) })
])
/** The service sends many other types of events, which do not concern the voice. */
const types = new Set<unknown>(ServiceEvent.members.map(({ fields }) => fields.type.literal))

class ServiceFailed extends Data.TaggedError("ServiceFailed")<{ readonly message: string }> {}

/** Connects to the service until the scope closes. If yours needs a key, send it as a header with the package `ws`. */
const connect = Effect.fnUntraced(function*(url: string) {
  const events = yield* Queue.unbounded<typeof ServiceEvent.Type, ServiceFailed>()
  const fail = (message: string) => Queue.failCauseUnsafe(events, Cause.fail(new ServiceFailed({ message })))
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(url)),
    (socket) => Effect.sync(() => socket.close())
  )
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data)
    if (!types.has(message.type)) return
    const event = Schema.decodeUnknownOption(ServiceEvent)(message)
    if (Option.isNone(event)) return fail(`${message.type} has an unexpected shape`)
    Queue.offerUnsafe(events, event.value)
  })
  socket.addEventListener("close", ({ code }) => fail(`the connection was closed with ${code}`))
  const opened = Effect.callback<void>((resume) => socket.addEventListener("open", () => resume(Effect.void)))
  yield* Effect.raceFirst(opened, Queue.peek(events))
  return {
    events: Stream.fromQueue(events),
    send: (message: { readonly type: string; readonly [field: string]: unknown }) =>
      Effect.sync(() => socket.send(JSON.stringify(message)))
  }
})

const agent = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, url: string) {
  const session = yield* VoiceSession.join({ ...where, receive: { tickDelay: "80 millis" } })
  const service = yield* connect(url)

  /** Sends everything that is said in the channel. The service also needs the silence, to notice the end of a turn. */
  const hear = session.receive.mixed({ rate, channels: 1 }).pipe(
    Stream.runForEach(({ pcm }) =>
      service.send({
        type: "input_audio_buffer.append",
        audio: Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString("base64")
      })
    )
  )

  /** The latest answer, of which more may arrive. */
  let answer: { readonly itemId: string; readonly pieces: Queue.Queue<Uint8Array, Cause.Done> } | undefined
  /** The answer that was interrupted. What still arrives of it is ignored. */
  let over: string | undefined
  const speak = service.events.pipe(
    Stream.runForEach(Effect.fnUntraced(function*(event) {
      switch (event.type) {
        case "response.output_audio.delta": {
          const { delta, item_id: itemId } = event
          if (itemId === over) return
          if (answer?.itemId !== itemId) {
            answer = { itemId, pieces: yield* Queue.unbounded<Uint8Array, Cause.Done>() }
            const speech = AudioSource.fromPcm(Stream.fromQueue(answer.pieces), { rate, channels: 1, name: itemId })
            // `play` returns when the first 120 ms are there; this fiber delivers them, so it must not wait for `play`
            const playing = session.play(speech).pipe(
              // nobody awaits this fiber, so log the error here
              Effect.catchCause((cause) => Effect.logError("An answer could not be played", cause))
            )
            yield* Effect.forkScoped(playing)
          }
          Queue.offerUnsafe(answer.pieces, delta)
          return
        }
        case "response.output_audio.done":
          if (answer?.itemId === event.item_id) Queue.endUnsafe(answer.pieces)
          return
        case "input_audio_buffer.speech_started": {
          over = answer?.itemId
          for (const { positionMs, track } of yield* session.interrupt) {
            yield* service.send({
              type: "conversation.item.truncate",
              item_id: track.name,
              content_index: 0,
              audio_end_ms: Math.floor(positionMs)
            })
          }
          return
        }
        case "error":
          return yield* new ServiceFailed({ message: event.error.message })
      }
    }))
  )
  return yield* Effect.raceFirst(hear, speak)
}, Effect.scoped)

/**
 * The service. It reports when somebody starts to speak, takes half a second of silence after speech for the end of a
 * turn, and answers each turn with 4 seconds of sound, all at once.
 */
const serve = Effect.fnUntraced(function*(truncated: Queue.Queue<number>) {
  const server = yield* Effect.acquireRelease(
    Effect.callback<WebSocketServer>((resume) => {
      const server: WebSocketServer = new WebSocketServer(
        { host: "127.0.0.1", port: 0 },
        () => resume(Effect.succeed(server))
      )
    }),
    (server) => Effect.sync(() => server.close())
  )
  server.on("connection", (socket) => {
    const send = (message: object) => socket.send(JSON.stringify(message))
    let isSpeaking = false
    let silent = 0
    let answers = 0
    const answer = () => {
      const item_id = `item_${++answers}`
      const sound = tone.pcm(4).filter((_, at) => at % 4 === 0)
      const bytes = Buffer.from(sound.buffer)
      for (let at = 0; at < bytes.length; at += 9_600) {
        send({ type: "response.output_audio.delta", item_id, delta: bytes.subarray(at, at + 9_600).toString("base64") })
      }
      send({ type: "response.output_audio.done", item_id })
      send({ type: "response.done" })
    }
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(String(data))
      if (message.type === "conversation.item.truncate") Queue.offerUnsafe(truncated, message.audio_end_ms)
      if (message.type !== "input_audio_buffer.append") return
      const pcm = Buffer.from(message.audio, "base64")
      let loudest = 0
      for (let at = 0; at < pcm.length; at += 2) loudest = Math.max(loudest, Math.abs(pcm.readInt16LE(at)))
      if (loudest > 1_000) {
        if (!isSpeaking) send({ type: "input_audio_buffer.speech_started" })
        isSpeaking = true
        silent = 0
      } else if (isSpeaking) {
        silent += pcm.length / 2
        if (silent < rate / 2) return
        isSpeaking = false
        answer()
      }
    })
  })
  const address = server.address()
  return `ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const truncated = yield* Queue.unbounded<number>()
  const url = yield* serve(truncated)
  const running = yield* agent(where, url).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  const talk = Effect.gen(function*() {
    // the bot needs a moment to connect, and another to start listening
    yield* ada.awaitHeardBy("bot")
    yield* Effect.sleep("200 millis")
    yield* ada.speak(yield* tone.frames(1))
    yield* ada.awaitFrames(50)
    // ada speaks over the answer
    yield* ada.speak(yield* tone.frames(0.6))
    const spokenMs = yield* Queue.take(truncated)
    // frames of 20 ms each; the last ones may still be on their way
    yield* ada.awaitFrames(Math.floor(spokenMs / 20))
    const heard = (yield* ada.heard).filter(({ silence }) => !silence).length
    yield* Effect.log(`The service knows that ${spokenMs} ms of 4 seconds were heard; ada heard ${heard} frames`)
    assert.ok(spokenMs >= 980 && heard * 20 - spokenMs <= 40, `${heard} frames and ${spokenMs} ms`)
    // ada hears all of the next answer
    yield* ada.awaitFrames(heard + 200)
    yield* Effect.log("The second answer was heard to its end")
    assert.equal(yield* Queue.size(truncated), 0)
  })
  yield* Effect.raceFirst(talk, Fiber.join(running))
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
