/**
 * This library: sessions on a gateway of its own that answers at once, each with a track.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Gateway from "../../src/Gateway.ts"
import * as NewSpace from "../../src/NewSpace.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as AlwaysGateway from "../gateway.ts"
import * as Place from "./messages.ts"
import { arguments_, each, frame, music, run } from "./player.ts"

const { count, endpoint, layer } = arguments_
const channelId = ChannelId.make(Place.channelId)
const userId = UserId.make(Place.userId)

const GatewayLive = AlwaysGateway.layer({ endpoint, userId })

const packet = { data: frame(), samples: 960 }

const endless: Iterable<AudioSource.OpusFrame> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: packet }) })
}

const pcm = (): AudioSource.AudioSource => {
  const second = music()
  const pieces = Array.from({ length: 10 }, (_, i) => second.subarray(i * 9_600, (i + 1) * 9_600))
  return {
    name: "pcm",
    open: Effect.sync(() => {
      let piece = 0
      return {
        format: "pcm",
        durationMs: undefined,
        tags: {},
        pull: Effect.sync(() => pieces[piece++ % pieces.length] ?? second)
      }
    })
  }
}

const sources = {
  ogg: () => AudioSource.fromFile(arguments_.ogg),
  packets: () => AudioSource.fromFrames(endless),
  pcm
}

const kind = process.argv[3]
const source = sources[kind === "ogg" || kind === "pcm" ? kind : "packets"]()

const layers = {
  layer: Voice.layer,
  layerSmall: Layer.mergeAll(Voice.layer, NewSpace.layerSmall),
  layerThread: Voice.layerThread
}

const program = Effect.gen(function*() {
  const context = yield* Effect.context<Gateway.Gateway | Voice.Voice | Scope.Scope>()
  const runPromise = Effect.runPromiseWith(context)
  const sessions: Array<VoiceSession.VoiceSession> = []
  run({
    connect: async () => {
      const joinMs: Array<number> = []
      await each(count, 50, async (index) => {
        const guildId = GuildId.make(String(200000000000000001n + BigInt(index)))
        const startedAt = performance.now()
        sessions[index] = await runPromise(VoiceSession.join({ guildId, channelId }))
        joinMs[index] = performance.now() - startedAt
      })
      return joinMs
    },
    play: async () => {
      await each(count, 50, (index) =>
        runPromise(
          Effect.asVoid(sessions[index]?.play(source, { loop: "forever" }) ?? Effect.die(new Error("no session")))
        ))
    }
  })
  return yield* Effect.never
})

const done = Deferred.makeUnsafe<void>()
Effect.runFork(
  Effect.scoped(program).pipe(
    Effect.provide([GatewayLive, layers[layer]]),
    Effect.onExit((exit) => Deferred.done(done, Exit.asVoid(exit)))
  )
)
