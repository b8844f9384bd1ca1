/**
 * The player of the bench of changing groups: plain streams, and one in an end-to-end encrypted group. It notes when the
 * packets of the plain streams leave, before they have to pass through another process.
 */
import { Context, Effect, Layer, Redacted, Scope } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as AudioClock from "../../src/AudioClock.ts"
import * as Dave from "../../src/Dave.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Transport from "../../src/Transport.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"
import type { FromPlayer, PlayerArguments, Seen, ToPlayer } from "./messages.ts"

const { gateway, group, layer, plain, token }: PlayerArguments = JSON.parse(process.argv[2] ?? "")

const frameBytes = 160
const frameMs = 20

const say = (message: FromPlayer) => process.send?.(message)

const fail = (error: unknown) =>
  say({ _tag: "Failed", detail: error instanceof Error ? error.stack ?? error.message : String(error) })

process.on("disconnect", () => process.exit(0))

let isNoting = false
/** When packets left, in milliseconds, for each plain stream. */
const notes: Array<Array<number>> = []

/** Notes what leaves, and when. */
const NotingDatagrams = Layer.effect(
  Transport.DatagramTransport,
  Effect.map(Transport.DatagramTransport, (transport) =>
    Transport.DatagramTransport.of({
      connect: (remote) =>
        Effect.map(transport.connect(remote), (socket) => {
          const sent: Array<number> = []
          notes.push(sent)
          return {
            ...socket,
            send: (packet, length) => {
              // an RTP packet is longer than a keepalive and is not a discovery request
              if (isNoting && packet[0] !== 0 && length > 16) sent.push(performance.now())
              return socket.send(packet, length)
            }
          }
        })
    }))
).pipe(Layer.provide(Transport.layerDatagram))

const percentile = (sorted: Float64Array, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/**
 * How much later than 20 ms after the one before it each packet left. Sequence numbers would tell one stall over and over:
 * a stream does not catch up with it.
 */
const lateness = (): Float64Array =>
  Float64Array.from(
    notes.flatMap((sent) => sent.slice(1).map((leftMs, i) => Math.max(0, leftMs - (sent[i] ?? 0) - frameMs)))
  ).toSorted()

/** The third longest is told besides: single long stretches are there without any change, too. */
const ranks = 3

/** The most CPU time that this thread has spent between two ticks: unlike a delay, no other process adds to it. */
const work = (() => {
  let last = 0
  let most: ReadonlyArray<number> = []
  const spent = () => {
    const { system, user } = process.threadCpuUsage()
    return (system + user) / 1_000
  }
  const tick = () => {
    const now = spent()
    if (now - last > (most[ranks - 1] ?? 0)) most = [...most, now - last].toSorted((a, b) => b - a).slice(0, ranks)
    last = now
  }
  setInterval(tick, 1)
  return {
    restart: () => {
      last = spent()
      most = []
    },
    most: () => {
      tick()
      return most
    }
  }
})()

const packet = { data: Buffer.alloc(frameBytes, 0x5a), samples: 960 }
packet.data[0] = 0xfc

const endless: Iterable<AudioSource.OpusFrame> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: packet }) })
}

const scope = Scope.makeUnsafe()
const build = <A, E>(layer: Layer.Layer<A, E>) => Effect.runPromise(Layer.buildWithScope(layer, scope))

// one beat and one login for all
const floor = await build(
  Layer.merge(
    Layer.merge(AudioClock.layer, Mixer.layer),
    Gateway.layer({ url: gateway, token: Redacted.make(token) }).pipe(Layer.provide(Transport.layerWebSocket))
  )
)

const driver = async (dave: Layer.Layer<Dave.Dave>, datagrams: Layer.Layer<Transport.DatagramTransport>) =>
  Context.merge(
    floor,
    await build(
      VoiceDriver.layer.pipe(
        Layer.provide(Layer.mergeAll(VoiceSocket.layer, VoiceUdp.layer, VoiceCrypto.layer, dave)),
        Layer.provide([Transport.layerWebSocket, datagrams, Layer.succeedContext(floor)])
      )
    )
  )

const play = Effect.fnUntraced(function*(place: { readonly guild: string; readonly channel: string }) {
  const session = yield* VoiceSession.join({
    guildId: GuildId.make(place.guild),
    channelId: ChannelId.make(place.channel)
  })
  yield* session.play(AudioSource.fromFrames(endless))
  return session
})

const plainContext = await driver(Dave.layerDisabled, NotingDatagrams)
const groupContext = await driver(layer === "layer" ? Dave.layer : Dave.layerThread, Transport.layerDatagram)

let encrypted: VoiceSession.VoiceSession | undefined

/** Joins, and waits until the group knows of us. */
const enter = Effect.gen(function*() {
  const session = yield* play(group)
  encrypted = session
  while (((yield* session.e2ee).membership?.members.length ?? 0) !== group.size) yield* Effect.sleep("20 millis")
})

const delay = monitorEventLoopDelay({ resolution: 1 })

const counts = async () => {
  if (encrypted === undefined) return { transitions: 0, sent: 0, withheld: 0 }
  const { e2eeTransitions, framesEncrypted, framesWithheld } = await Effect.runPromise(encrypted.statistics)
  return { transitions: e2eeTransitions, sent: framesEncrypted, withheld: framesWithheld }
}

let before = await counts()

const begin = async () => {
  before = await counts()
  for (const sent of notes) sent.length = 0
  isNoting = true
  delay.reset()
  delay.enable()
  work.restart()
}

const end = async (): Promise<Seen> => {
  const longest = work.most()
  delay.disable()
  isNoting = false
  const late = lateness()
  const { sent, transitions, withheld } = await counts()
  return {
    workMs: longest[0] ?? 0,
    thirdWorkMs: longest[ranks - 1] ?? 0,
    delayMs: delay.max / 1e6,
    p99: percentile(late, 0.99),
    max: late.at(-1) ?? Number.NaN,
    packets: late.length,
    transitions: transitions - before.transitions,
    encrypted: sent - before.sent,
    withheld: withheld - before.withheld
  }
}

const answer = async (told: ToPlayer): Promise<void> => {
  switch (told._tag) {
    case "Enter":
      await Effect.runPromiseWith(groupContext)(Scope.provide(enter, scope))
      return void say({ _tag: "Entered" })
    case "Begin":
      await begin()
      return void say({ _tag: "Begun" })
    case "End":
      return void say({ _tag: "Ended", seen: await end() })
  }
}

// the bench says what `ToPlayer` says
process.on("message", (message) => void answer(message as ToPlayer).catch(fail))

try {
  await Effect.runPromiseWith(plainContext)(
    Scope.provide(Effect.forEach(plain, play, { concurrency: 10, discard: true }), scope)
  )
  say({ _tag: "Ready" })
} catch (error) {
  fail(error)
}
