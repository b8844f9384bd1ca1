/**
 * This library: a stream for each user, out of its jitter buffer, as Opus or as PCM.
 */
import { Effect, type Scope, Stream } from "effect"
import type * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import type * as Receive from "../../src/receive/Receive.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as AlwaysGateway from "../gateway.ts"
import { arguments_, counts, lateness, run } from "./listener.ts"
import * as Place from "./messages.ts"

const { endpoint, speakers, take } = arguments_
const guildId = GuildId.make(Place.guildId)
const channelId = ChannelId.make(Place.channelId)
const userId = UserId.make(Place.userId)

const GatewayLive = AlwaysGateway.layer({ endpoint, userId })

const countAudio = ({ kind }: { readonly kind: string }) =>
  Effect.sync(() => {
    if (kind === "audio") counts.frames++
  })

let firstMs: number | undefined

const onTick = (
  { index, participants }: { readonly index: number; readonly participants: Receive.Tick["participants"] }
) =>
  Effect.sync(() => {
    const sinceMs = performance.now() - index * 20
    // the first ones come while the program is being compiled
    if (index >= 50) firstMs = Math.min(firstMs ?? Infinity, sinceMs)
    lateness.push(sinceMs - (firstMs ?? sinceMs))
    for (const { frames } of participants.values()) {
      counts.frames += frames.filter(({ kind }) => kind === "audio").length
    }
  })

const program = Effect.gen(function*() {
  const runPromise = Effect.runPromiseWith(yield* Effect.context<Gateway.Gateway | Voice.Voice | Scope.Scope>())
  run(() =>
    runPromise(Effect.gen(function*() {
      const session = yield* VoiceSession.join({ guildId, channelId })
      if (take === "ticks") {
        yield* Effect.forkScoped(Stream.runForEach(session.receive.ticks, onTick), { startImmediately: true })
        return
      }
      for (let i = 0; i < speakers; i++) {
        const speaker = UserId.make(Place.speakerId(i))
        const listen = take === "opus"
          ? Stream.runForEach(session.receive.user(speaker), countAudio)
          : Stream.runForEach(session.receive.user(speaker, {}), countAudio)
        yield* Effect.forkScoped(listen, { startImmediately: true })
      }
    }))
  )
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program).pipe(Effect.provide([GatewayLive, Voice.layer])))
