import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Stream } from "effect"
import type * as VoiceTrack from "../../src/audio/Track.ts"
import * as AudioClock from "../../src/AudioClock.ts"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as CloseCode from "../../src/protocol/CloseCode.ts"
import * as Transport from "../../src/Transport.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import { VoiceError } from "../../src/VoiceError.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"
import * as Rig from "./rig.ts"

type Random = ReturnType<typeof EmulatorRandom.make>

const pick = <A>(random: Random, list: readonly [A, ...ReadonlyArray<A>]): A => list[random.int(list.length)] ?? list[0]

const codes = [1000, 1001, 1011, 3000, 4444, ...CloseCode.voiceTable.map(({ code }) => code)] as const

/** A message with one thing wrong with it. */
const spoilt = (random: Random, frame: string | Uint8Array): string | Uint8Array => {
  if (typeof frame === "string") {
    const at = random.int(frame.length + 1)
    return pick<() => string | Uint8Array>(random, [
      () => frame.slice(0, at),
      () => frame.slice(0, at) + String.fromCharCode(32 + random.int(96)) + frame.slice(at + 1),
      () => frame.replace(/\d+/, String(random.int(1_000_000) - 1_000)),
      () => "null",
      () => random.bytes(at % 64)
    ])()
  }
  const bytes = frame.slice(0, random.next() < 0.5 ? frame.length : random.int(frame.length + 1))
  if (bytes.length > 0) bytes[random.int(bytes.length)] = random.int(256)
  return bytes
}

const action = (random: Random, frame: string | Uint8Array, severity: number): Emulator.FaultAction => {
  if (random.next() < severity) {
    return random.next() < 0.3
      ? { _tag: "Terminate" }
      : { _tag: "Close", code: codes[random.int(codes.length)] ?? 4000, reason: "chance" }
  }
  return pick<() => Emulator.FaultAction>(random, [
    () => ({ _tag: "Drop" }),
    () => ({ _tag: "Delay", ms: random.int(3_000) }),
    () => ({ _tag: "Duplicate", copies: 1 + random.int(3) }),
    () => ({ _tag: "Replace", frame: spoilt(random, frame) })
  ])()
}

/** The sockets to voice servers that are open. */
const counting = (open: { count: number }) => {
  const counted = Effect.acquireRelease(Effect.sync(() => open.count++), () => Effect.sync(() => open.count--))
  return Layer.unwrap(Effect.gen(function*() {
    const webSockets = yield* Transport.WebSocketTransport
    const datagrams = yield* Transport.DatagramTransport
    return Layer.merge(
      Layer.succeed(Transport.WebSocketTransport, {
        connect: (url, options) => Effect.andThen(counted, webSockets.connect(url, options))
      }),
      Layer.succeed(Transport.DatagramTransport, {
        connect: (remote) => Effect.andThen(counted, datagrams.connect(remote))
      })
    )
  }))
}

/** The bot, whose sockets to voice servers are counted. */
const layer = (seed: number, random: Random, open: { count: number }) => {
  const network: Emulator.NetworkOptions = {
    latencyMs: random.int(60),
    jitterMs: random.int(30),
    loss: random.next() * 0.2,
    duplicate: random.next() * 0.1,
    reorder: random.next() * 0.1
  }
  return Layer.unwrap(
    Emulator.Emulator.useSync((discord) =>
      VoiceDriver.layer.pipe(
        Layer.provideMerge(Layer.mergeAll(VoiceSocket.layer, VoiceUdp.layer, VoiceCrypto.layer)),
        Layer.provide(counting(open).pipe(Layer.provide(discord.transport))),
        Layer.merge(discord.layerGateway("bot"))
      )
    )
  ).pipe(
    Layer.provideMerge(Emulator.layerMemory({ seed, network })),
    Layer.provideMerge(AudioClock.layerEffectClock)
  )
}

/** What became of a run: "played", how the track ended, or the reason of the failure. */
export const run = (seed: number) => {
  const random = EmulatorRandom.make(seed)
  const chance = pick(random, [0.002, 0.01, 0.05, 0.2])
  const severity = pick(random, [0, 0.05, 0.3])
  const startsAtMs = pick(random, [0, 0, 500])
  const open = { count: 0 }

  const program = Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const guest = yield* Rig.guest()
    const harm = discord.faults.add(({ frame }) => random.next() < chance ? action(random, frame, severity) : undefined)
    yield* Effect.forkScoped(Effect.andThen(Effect.sleep(startsAtMs), Effect.andThen(harm, Effect.never)), {
      startImmediately: true
    })
    const session = yield* Rig.join("lobby")
    yield* session.packets.pipe(Stream.runDrain, Effect.ignore, Effect.forkScoped({ startImmediately: true }))
    yield* Effect.forkScoped(Effect.ignore(guest.speak(Rig.frames(100, 1))))
    const track = yield* session.play(Rig.source(100))
    if (random.next() < 0.3) yield* Effect.andThen(Effect.sleep(random.int(1_000)), track.seek(random.int(1_000)))
    const end = yield* track.awaitEnd
    if (end._tag === "Failed") return `track failed: ${end.error.reason._tag}`
    yield* session.setSpeaking({})
    yield* session.statistics
    yield* Effect.sleep("20 seconds")
    return yield* Effect.as(session.statistics, `track ${end._tag satisfies VoiceTrack.TrackEnd["_tag"]}`)
  })

  return Effect.gen(function*() {
    // either left by itself, or in the middle
    const bounded = random.next() < 0.3
      ? Effect.map(Effect.timeoutOption(Effect.scoped(program), random.int(4_000)), (value) => value._tag)
      : Effect.scoped(program)
    const exit = yield* Effect.exit(Rig.run(bounded))
    assert.strictEqual(open.count, 0, "sockets to voice servers stay open")
    if (Exit.isSuccess(exit)) return exit.value
    const failures = exit.cause.reasons.filter(Cause.isFailReason)
    if (failures.length !== exit.cause.reasons.length) return yield* Effect.failCause(exit.cause)
    const error = failures[0]?.error
    assert.instanceOf(error, VoiceError)
    return `failed: ${error.reason._tag}`
  }).pipe(
    Effect.provide(layer(seed, random, open), { local: true }),
    Effect.catchCause((cause) => Effect.die(new Error(`seed ${seed}: ${Cause.pretty(cause)}`)))
  )
}

/** Runs seeds one after the other and counts what became of them. */
export const runAll = Effect.fnUntraced(function*(from: number, count: number) {
  const outcomes = new Map<string, number>()
  for (let seed = from; seed < from + count; seed++) {
    const outcome = yield* run(seed)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  return outcomes
})
