/** Shared by the tests of the foreign clients of 2022: the place, our own client in it, and what each side hears. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import type * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Profile from "../../../src/emulator/core/Profile.ts"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import type { HeardFrame } from "../../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../../src/protocol/EncryptionMode.ts"
import { sequenceDelta, timestampDelta } from "../../../src/protocol/RtpPacket.ts"
import type * as VoiceDriver from "../../../src/VoiceDriver.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import * as Rig from "../../integration/rig.ts"
import * as Foreign from "../Foreign.ts"

/** The names of the foreign client and ours. */
export const foreignName = "foreign"
const ourName = "ours"

/**
 * Discord of 2022 with one mode, over TLS, and everything that our client needs. There is a second voice channel,
 * "other".
 */
export const layer = (mode: EncryptionMode) =>
  Layer.unwrap(Emulator.Emulator.useSync((discord) => discord.layerVoice(ourName))).pipe(
    Layer.provideMerge(Emulator.layer({
      profile: { ...Profile.year2022, modes: [mode] },
      tls: true,
      world: { channels: [{ name: "other" }], users: [{ name: foreignName, bot: true }] }
    }))
  )

/** Starts a script as the foreign client, with the addresses that it needs, and returns it with its user id. */
export const start = Effect.fnUntraced(function*(script: string) {
  const discord = yield* Emulator.Emulator
  const { id, token } = yield* Effect.orDie(discord.user(foreignName))
  const client = yield* Foreign.start(`2022/${script}`, {
    args: {
      gateway: discord.urls.gateway,
      rest: discord.urls.rest,
      token: Redacted.value(token),
      guildId: yield* Effect.orDie(discord.guild("guild")),
      channelId: yield* Effect.orDie(discord.channel("lobby"))
    },
    ca: discord.urls.cert
  })
  return { ...client, userId: id }
})

export type Client = Effect.Success<ReturnType<typeof start>>

/** Our client in the lobby, and everything it receives, in order. */
export const ours = Effect.fnUntraced(function*(mode: EncryptionMode) {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* Effect.orDie(discord.guild("guild")),
    channelId: yield* Effect.orDie(discord.channel("lobby")),
    version: 4,
    modes: [mode],
    receiveCapacity: 4096
  })
  const packets: Array<VoiceDriver.AudioPacket> = []
  yield* session.packets.pipe(
    Stream.runForEach((packet) => Effect.sync(() => packets.push(packet))),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  const events: Array<VoiceSession.Event> = []
  yield* (yield* session.events).pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  return { session, packets, events }
})

export type Ours = Effect.Success<ReturnType<typeof ours>>

/** How long anything may take before it counts as not happening. Nothing normally takes that long. */
const patience = "60 seconds"

/** The time limit of a test in milliseconds, which several such waits may use up on a busy machine. */
export const limit = 120_000

/** Repeats the check until it holds, and fails with `what` if it never does. */
export const until = <R>(what: string, holds: Effect.Effect<boolean, never, R>): Effect.Effect<void, never, R> =>
  Effect.gen(function*() {
    while (!(yield* holds)) yield* Effect.sleep("5 millis")
  }).pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.die(new Error(`never happened: ${what}`)) })
  )

export const untilSync = (what: string, holds: () => boolean) => until(what, Effect.sync(holds))

export const counter = (name: string) =>
  Emulator.Emulator.use((discord) => Effect.map(discord.counters, (all) => all.get(name) ?? 0))

/**
 * Makes the foreign client announce that it speaks, and waits until our client knows: otherwise audio may overtake the
 * announcement.
 */
export const announce = Effect.fnUntraced(function*(foreign: Client, { events }: Ours) {
  const from = events.length
  yield* foreign.tell({ _tag: "Announce" })
  yield* untilSync(
    "the foreign client speaks",
    () =>
      events.slice(from).some((event) =>
        event._tag === "Speaking" && event.userId === foreign.userId && event.flags !== 0
      )
  )
})

/** The foreign client plays these frames. This returns at once; playback continues. */
export const play = (foreign: Client, frames: ReadonlyArray<AudioSource.OpusFrame>) =>
  foreign.tell({ _tag: "Play", packets: frames.map(({ data }) => Buffer.from(data).toString("base64")) })

/** The foreign client listens to a member from now on. */
export const listen = Effect.fnUntraced(function*(foreign: Client, userId: string) {
  yield* foreign.tell({ _tag: "Listen", userId })
  yield* foreign.until((told): told is Foreign.Told => told._tag === "Listens" && told["userId"] === userId)
})

/** What the foreign client reported to have heard from a member, in order. */
export const heardBy = (foreign: Client, userId: string): ReadonlyArray<Uint8Array> =>
  foreign.told().flatMap((told) =>
    told._tag === "Heard" && told["userId"] === userId
      ? [new Uint8Array(Buffer.from(String(told["packet"]), "base64"))]
      : []
  )

export const isSilence = (payload: Uint8Array) => Buffer.compare(payload, Rig.silence) === 0

/** The frames, and the silence that closes them. */
export const closed = (frames: ReadonlyArray<AudioSource.OpusFrame>, silences = 5) => [
  ...Rig.payloads(frames),
  ...Array.from({ length: silences }, () => Rig.silence)
]

/** Whether the last packets are exactly these payloads. */
export const endsWith = (
  packets: ReadonlyArray<{ readonly payload: Uint8Array }>,
  payloads: ReadonlyArray<Uint8Array>
) =>
  packets.length >= payloads.length &&
  packets.slice(-payloads.length).every(({ payload }, i) =>
    Buffer.compare(payload, payloads[i] ?? new Uint8Array(0)) === 0
  )

/**
 * The position in `frames` of each payload that is not silence. Fails for a payload that is not in them, or was
 * changed.
 */
export const positions = (frames: ReadonlyArray<AudioSource.OpusFrame>, heard: ReadonlyArray<Uint8Array>) => {
  const known = new Map(frames.map(({ data }, i) => [Buffer.from(data).toString("hex"), i]))
  return heard.filter((payload) => !isSilence(payload)).map((payload) =>
    known.get(Buffer.from(payload).toString("hex")) ??
      assert.fail(`nobody said ${Buffer.from(payload).toString("hex")}`)
  )
}

/** Integers from `from` up to, but not including, `to`. */
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** No packet is missing or duplicated: sequence numbers and timestamps of 20 ms increase by one step each. */
export const inOrder = (packets: ReadonlyArray<Pick<HeardFrame, "sequence" | "timestamp">>) =>
  packets.forEach((packet, i) => {
    const before = packets[i - 1]
    if (before === undefined) return
    assert.strictEqual(sequenceDelta(packet.sequence, before.sequence), 1)
    assert.strictEqual(timestampDelta(packet.timestamp, before.timestamp), 960)
  })

/**
 * Discord had no reason to close or drop anything except what is named, and every REST path had an answer. Advice is
 * printed: it concerns the library.
 */
export const judged = Effect.fnUntraced(function*(title: string, expected: ReadonlyArray<string> = []) {
  const discord = yield* Emulator.Emulator
  assert.deepStrictEqual((yield* discord.violations).map(({ code }) => code), [...expected])
  const unanswered = Array.from((yield* discord.counters).keys()).filter((name) => name.startsWith("rest-unknown:"))
  assert.deepStrictEqual(unanswered, [])
  for (const { code, message } of yield* discord.advice) yield* Effect.logInfo(`${title}: ${code}: ${message}`)
})

/** The foreign client leaves as its users make it leave, and its process ends on its own. Nothing failed in it. */
export const leave = Effect.fnUntraced(function*(foreign: Client) {
  yield* foreign.tell({ _tag: "Leave" })
  yield* untilGone("the foreign client has left", foreign)
  yield* foreign.tell({ _tag: "End" })
  assert.strictEqual(yield* foreign.ended, 0, foreign.output())
  assert.deepStrictEqual(foreign.told().filter(({ _tag }) => _tag === "Failed"), [])
})

/** Waits until the foreign client is in no channel and on no voice server. */
export const untilGone = (what: string, foreign: Client) =>
  Emulator.Emulator.use((discord) =>
    until(
      what,
      Effect.map(
        discord.snapshot,
        ({ voiceSessions, voiceStates }) =>
          voiceStates.every(({ userId }) => userId !== foreign.userId) &&
          voiceSessions.every(({ userId }) => userId !== foreign.userId)
      )
    )
  )
