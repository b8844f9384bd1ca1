/**
 * A bot in many guilds, in its own process. It reports the size of its heap with some of its sessions and with all of
 * them.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Gateway from "../../../src/Gateway.ts"
import type { ChannelId, GuildId } from "../../../src/protocol/Identifier.ts"
import * as Transport from "../../../src/Transport.ts"
import * as Voice from "../../../src/Voice.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import { args, tell } from "../../interop/script.ts"

/**
 * Where the bot joins, and as which user. The cost of the first sessions, which create what all sessions share, is not
 * reported.
 */
export interface Crowd {
  readonly url: string
  readonly token: string
  readonly first: ReadonlyArray<Place>
  readonly rest: ReadonlyArray<Place>
}

interface Place {
  readonly guildId: GuildId
  readonly channelId: ChannelId
}

const { first, rest, token, url } = args<Crowd>()

setFlagsFromString("--expose-gc")
const collect: unknown = runInNewContext("gc")

/** Bytes of live objects. */
const heap = Effect.gen(function*() {
  // dead objects may keep other things alive through weak references and finalizers until they are collected
  for (let i = 0; i < 4; i++) {
    yield* Effect.sleep(50)
    if (typeof collect === "function") collect()
  }
  return getHeapStatistics().used_heap_size
})

const packet = { data: new Uint8Array(160).fill(0xfc), samples: 960 }

const endless: Iterable<AudioSource.OpusFrame> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: packet }) })
}

const bot = Effect.gen(function*() {
  const source = AudioSource.fromFrames(endless)
  const join = (places: ReadonlyArray<Place>) =>
    Effect.forEach(places, (place) => VoiceSession.join(place), { concurrency: 10 })
  const play = (sessions: ReadonlyArray<VoiceSession.VoiceSession>) =>
    Effect.forEach(sessions, (session) => session.play(source), { concurrency: 10, discard: true })
  // a first measurement, so that what is created at the first use exists
  const some = yield* join(first)
  yield* heap
  const before = yield* heap
  const others = yield* join(rest)
  const idle = (yield* heap) - before
  yield* play(some)
  const silent = yield* heap
  yield* play(others)
  const playing = (yield* heap) - silent
  tell({ _tag: "Measured", idle: idle / rest.length, playing: (idle + playing) / rest.length })
}).pipe(
  Effect.scoped,
  Effect.provide([
    Voice.layer,
    Gateway.layer({ token: Redacted.make(token), url }).pipe(Layer.provide(Transport.layerWebSocket))
  ])
)

NodeRuntime.runMain(bot)
