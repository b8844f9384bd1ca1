import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Emulator from "../src/emulator/Emulator.ts"
import * as Transport from "../src/Transport.ts"
import * as VoiceDriver from "../src/VoiceDriver.ts"
import * as VoiceSession from "../src/VoiceSession.ts"
import * as VoiceSocket from "../src/VoiceSocket.ts"
import * as VoiceUdp from "../src/VoiceUdp.ts"

const join = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
}).pipe(Effect.scoped)

describe("Voice", () => {
  it.effect("uses a driver over another VoiceUdp instead of its own", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const opened: Array<string> = []
      const note = (what: string) => Effect.sync(() => opened.push(what))
      const own = Layer.effect(
        VoiceUdp.VoiceUdp,
        Effect.map(VoiceUdp.VoiceUdp, ({ open }) =>
          VoiceUdp.VoiceUdp.of({ open: (options) => Effect.tap(open(options), note(options.address)) }))
      )
      const voice = VoiceDriver.layer.pipe(Layer.provide(own), Layer.provideMerge(discord.layerVoice("bot")))
      yield* Effect.provide(join, voice)
      assert.lengthOf(opened, 1)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("uses sockets over other transports instead of its own", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const opened: Array<string> = []
      const note = (what: string) => Effect.sync(() => opened.push(what))
      const own = Layer.effectContext(Effect.gen(function*() {
        const datagrams = yield* Transport.DatagramTransport
        const webSockets = yield* Transport.WebSocketTransport
        return yield* Layer.build(Layer.merge(
          Layer.succeed(Transport.DatagramTransport, {
            connect: (remote) => Effect.tap(datagrams.connect(remote), note("datagrams"))
          }),
          Layer.succeed(Transport.WebSocketTransport, {
            connect: (url, options) => Effect.tap(webSockets.connect(url, options), note("web socket"))
          })
        ))
      })).pipe(Layer.provide(discord.transport))
      const voice = VoiceDriver.layer.pipe(
        Layer.provide([VoiceUdp.layer, VoiceSocket.layer]),
        Layer.provide(own),
        Layer.provideMerge(discord.layerVoice("bot"))
      )
      yield* Effect.provide(join, voice)
      assert.deepStrictEqual(opened, ["web socket", "datagrams"])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
