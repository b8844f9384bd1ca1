import { assert } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Redacted, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as AudioClock from "../../src/AudioClock.ts"
import * as Dave from "../../src/Dave.ts"
import { type Profile, today } from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"

/** Everything that a bot's program needs besides itself, on the emulator's transports. */
export const bot = Layer.unwrap(
  Emulator.Emulator.useSync((discord) =>
    VoiceDriver.layer.pipe(
      Layer.provideMerge(Layer.mergeAll(VoiceSocket.layer, VoiceUdp.layer, VoiceCrypto.layer, Dave.layer)),
      Layer.provideMerge(discord.transport),
      Layer.merge(discord.layerGateway("bot"))
    )
  )
)

export const latencyMs = 1

/** Discord of today, with channels that admit members who cannot encrypt end to end. */
export const open: Profile = { ...today, channelE2ee: "optional" }

/** A bot's layer and its Discord in memory, on virtual time. */
export const inMemory = <A, E>(
  layer: Layer.Layer<A, E, AudioClock.AudioClock | Emulator.Emulator>,
  options: Emulator.MemoryOptions = {}
) =>
  layer.pipe(
    Layer.merge(Mixer.layer),
    Layer.provideMerge(Emulator.layerMemory({ network: { latencyMs }, ...options })),
    Layer.provideMerge(AudioClock.layerEffectClock)
  )

/** The bot and its Discord in memory, on virtual time. */
export const memory = (options: Emulator.MemoryOptions = {}) => inMemory(bot, options)

/** Discord on 127.0.0.1 without the bot. */
export const floor = (options: Emulator.LoopbackOptions = {}) =>
  Layer.mergeAll(Emulator.layer(options), AudioClock.layer, Mixer.layer)

/** The bot and its Discord on 127.0.0.1. */
export const loopback = (options: Emulator.LoopbackOptions = {}) => bot.pipe(Layer.provideMerge(floor(options)))

const stepMs = 250

/**
 * Runs a program, including the closing of its scope, while virtual time passes: closing handshakes take time. A
 * program that has not ended after `limitMs` hangs, and so does one that cannot be interrupted then.
 */
export const run = Effect.fnUntraced(function*<A, E, R>(
  program: Effect.Effect<A, E, R>,
  limitMs = 300_000
) {
  const fiber = yield* Effect.forkChild(Effect.scoped(program), { startImmediately: true })
  yield* Time.advance(0)
  for (let passed = 0; passed < limitMs && fiber.pollUnsafe() === undefined; passed += stepMs) {
    yield* TestClock.adjust(stepMs)
  }
  if (fiber.pollUnsafe() === undefined) {
    const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
    for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust(stepMs)
    const interrupted = interrupting.pollUnsafe() !== undefined
    return assert.fail(`hangs: not at its end after ${limitMs} ms, ${interrupted ? "" : "not even "}interrupted`)
  }
  return yield* Fiber.join(fiber)
}) as <A, E, R>(
  program: Effect.Effect<A, E, R>,
  limitMs?: number
) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>

/** Opus packets of 20 ms that are all different and plausible. */
export const frames = (count: number, seed = 0): ReadonlyArray<AudioSource.OpusFrame> =>
  Array.from({ length: count }, (_, i) => {
    const data = new Uint8Array(4 + ((i * 37 + seed * 11) % 120))
    for (let at = 0; at < data.length; at++) data[at] = (at * 7 + i * 13 + seed * 29) & 0xff
    data[0] = 0xfc
    data[1] = i >>> 8
    data[2] = i & 0xff
    data[3] = seed
    return { data, samples: 960 }
  })

export const source = (count: number, seed = 0) => AudioSource.fromFrames(frames(count, seed))

export const payloads = (list: ReadonlyArray<AudioSource.OpusFrame>) => list.map(({ data }) => data)

export const silence = OpusPacket.silenceFrame()

/** The bot joins a channel. */
export const join = Effect.fnUntraced(function*(channel: string, options?: Partial<VoiceSession.JoinOptions>) {
  const discord = yield* Emulator.Emulator
  const guildId = yield* Effect.orDie(discord.guild("guild"))
  const channelId = yield* Effect.orDie(discord.channel(channel))
  return yield* VoiceSession.join({ guildId, channelId, ...options })
})

/** A session that cannot mix anything. */
export const withoutCodec = Effect.updateService(Mixer.Mixer, (mixer) => ({
  ...mixer,
  open: () => VoiceError.fail(new VoiceError.CodecUnavailable({ codec: "libopus", detail: "there is none" }))
}))

/**
 * The place in a channel that the main gateway gives the bot, in the form that a driver takes. Kept until the scope
 * closes.
 */
export const grant = Effect.fnUntraced(function*(channel: string) {
  const discord = yield* Emulator.Emulator
  const gateway = yield* Gateway.Gateway
  const serverId = yield* Effect.orDie(discord.guild("guild"))
  const channelId = yield* Effect.orDie(discord.channel(channel))
  const userId = yield* gateway.userId
  const events = yield* gateway.subscribe
  const state = { guild_id: serverId, self_mute: false, self_deaf: false }
  yield* Effect.acquireRelease(
    gateway.updateVoiceState({ ...state, channel_id: channelId }),
    () => Effect.ignore(gateway.updateVoiceState({ ...state, channel_id: null }))
  )
  const both = yield* events.pipe(Stream.take(2), Stream.runCollect)
  const voiceState = both.find((event) => event._tag === "VoiceState")
  const voiceServer = both.find((event) => event._tag === "VoiceServer")
  assert.isDefined(voiceState)
  assert.isDefined(voiceServer)
  return new VoiceDriver.ConnectionInfo({
    endpoint: voiceServer.server.endpoint ?? assert.fail("no endpoint"),
    serverId,
    channelId,
    userId,
    sessionId: Redacted.make(voiceState.state.session_id),
    token: Redacted.make(voiceServer.server.token)
  })
})

export const ringOf = (list: ReadonlyArray<AudioSource.OpusFrame>) => {
  const ring = FrameRing.make()
  for (const { data, samples } of list) assert.isTrue(ring.write(data, samples))
  ring.end()
  return ring
}

/** The result of an effect, and how long it took in milliseconds of virtual time. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    const value = yield* effect
    return [value, (yield* Clock.currentTimeMillis) - from] as const
  })

export const reasonOf = <A, R>(effect: Effect.Effect<A, VoiceError.VoiceError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

export const guest = (
  channel = "lobby",
  user = "guest",
  options: Pick<Emulator.JoinOptions, "audio" | "e2ee"> = {}
) => Effect.orDie(Emulator.Emulator.use((discord) => discord.join({ user, channel, ...options })))

/**
 * Waits until the session is in the group of its channel, together with this member if one is given, and no change of
 * the group is pending.
 */
export const encrypted = Effect.fnUntraced(function*(
  session: Pick<VoiceSession.VoiceSession | VoiceDriver.VoiceConnection, "e2ee">,
  withMember?: UserId
) {
  while (true) {
    const { membership, transitioning, version } = yield* session.e2ee
    const isThere = withMember === undefined || membership?.members.includes(withMember) === true
    if (version === 0 || (membership !== undefined && isThere && !transitioning)) return membership
    yield* Effect.sleep("10 millis")
  }
})

/** Discord had nothing to complain about. */
export const blameless = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  assert.deepStrictEqual(yield* discord.violations, [])
  assert.deepStrictEqual(yield* discord.advice, [])
})

/** What a client cannot prevent if the machine keeps it from running while the emulator goes on. */
const ofTime = new Set([
  "acknowledgement-behind",
  "dave-key-package-missing",
  "missing-closing-silence",
  "timestamp-off-clock"
])

/** The same, except for what depends on when a client's threads run. */
export const blamelessAtAnyTime = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  assert.deepStrictEqual(yield* discord.violations, [])
  assert.deepStrictEqual((yield* discord.advice).filter(({ code }) => !ofTime.has(code)), [])
})

/** The bot is in no channel and on no voice server. */
export const left = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const { id } = yield* Effect.orDie(discord.user("bot"))
  const { voiceSessions, voiceStates } = yield* discord.snapshot
  assert.deepStrictEqual(voiceStates.filter(({ userId }) => userId === id), [])
  assert.deepStrictEqual(voiceSessions.filter(({ userId }) => userId === id), [])
})

/**
 * The bot joins, plays to a guest, listens to the guest and leaves. Nothing here depends on timing, so that it also
 * holds on the wall clock.
 */
export const visit = Effect.gen(function*() {
  const host = yield* guest()
  const spoken = frames(25, 1)
  yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* join("lobby")
    const listening = yield* session.packets.pipe(
      Stream.take(spoken.length + 5),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    yield* encrypted(session)
    // when the driver answers, it knows that somebody listens
    yield* session.statistics
    yield* Effect.forkChild(Effect.orDie(host.speak(spoken)), { startImmediately: true })
    const track = yield* session.play(source(25))
    assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    const heard = yield* Fiber.join(listening)
    assert.deepStrictEqual(
      heard.map(({ payload }) => new Uint8Array(payload)),
      [...payloads(spoken), ...Array.from({ length: 5 }, () => silence)]
    )
    assert.strictEqual(heard.at(-1)?.userId, host.userId)
    assert.strictEqual(
      session.userId,
      (yield* Effect.orDie(Emulator.Emulator.use((discord) => discord.user("bot")))).id
    )
    yield* session.setSpeaking({ priority: true })
    const statistics = yield* session.statistics
    assert.isAtLeast(statistics.packetsSent, 25)
    assert.strictEqual(statistics.packetsOpened, 30)
    assert.isAbove(statistics.roundTripMs ?? 0, 0)
  }))
  const heard = yield* host.awaitFrames(25)
  assert.deepStrictEqual(heard.map(({ payload }) => payload), payloads(frames(25)))
  yield* settled(
    Effect.map(host.heard, (all) =>
      assert.deepStrictEqual(
        all.slice(-6).map((frame) => frame.silence),
        [false, true, true, true, true, true]
      ))
  )
  yield* blamelessAtAnyTime
})

/** On the wall clock: repeats the check until it holds. The test's own deadline is the only one. */
export const settled = <R>(check: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.suspend(() => check).pipe(
    Effect.catchDefect(() => Effect.andThen(Effect.sleep("5 millis"), settled(check)))
  )

/** Collects what a stream emits while the scope is open. */
export const keep = Effect.fnUntraced(function*<A, E, R>(stream: Stream.Stream<A, E, R>) {
  const values: Array<A> = []
  yield* stream.pipe(
    Stream.runForEach((value) => Effect.sync(() => values.push(value))),
    Effect.forkScoped({ startImmediately: true })
  )
  return values
})
