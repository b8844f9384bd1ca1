/**
 * A trial of a foreign client, together with our client and the emulator. The test tells a script of `bot.ts` what to
 * do, and compares what each side heard with what the other one said.
 */
import { assert } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Foreign from "./Foreign.ts"

/** A client that is driven by `bot.ts`. */
export interface Client {
  readonly foreign: Foreign.Foreign
  readonly userId: string
  readonly join: (channel: string) => Effect.Effect<void, Foreign.ForeignFailed>
  readonly play: (frames: ReadonlyArray<AudioSource.OpusFrame>) => Effect.Effect<void, Foreign.ForeignFailed>
  readonly playFile: (path: string) => Effect.Effect<void, Foreign.ForeignFailed>
  readonly listen: (userId: string) => Effect.Effect<void, Foreign.ForeignFailed>
  readonly leave: Effect.Effect<void, Foreign.ForeignFailed>
  /** What the library shows as the voice privacy code, if there is one. */
  readonly privacyCode: Effect.Effect<unknown, Foreign.ForeignFailed>
  /** What the library shows as the verification code of another user. */
  readonly verificationCode: (userId: string) => Effect.Effect<unknown, Foreign.ForeignFailed>
  /** What it has heard from a user so far, without the silence that closes a speech. */
  readonly heard: (userId: string) => ReadonlyArray<Uint8Array>
}

const voiced = (payload: Uint8Array) => payload.length > 0 && !OpusPacket.isSilence(payload)

/** Starts `script` as the emulator's bot. */
export const start = Effect.fnUntraced(
  function*(script: Foreign.Script, extra: { readonly [name: string]: unknown } = {}) {
    const discord = yield* Emulator.Emulator
    const bot = yield* Effect.orDie(discord.user("bot"))
    const guild = yield* Effect.orDie(discord.guild("guild"))
    const foreign = yield* Foreign.start(script, {
      args: {
        gateway: discord.urls.gateway,
        rest: discord.urls.rest,
        guild,
        user: bot.id,
        token: Redacted.value(bot.token),
        ...extra
      },
      ca: discord.urls.cert
    })
    yield* foreign.untilTag("Ready")
    let commands = 0

    const failed = (told: Foreign.Told) => new Foreign.ForeignFailed({ message: String(told["error"]) })

    const command = Effect.fnUntraced(function*(_tag: string, argument?: unknown) {
      const id = commands++
      const after = foreign.told().length
      yield* foreign.tell({ _tag, id, argument })
      const answer = yield* foreign.until(
        (told): told is Foreign.Told => told._tag === "Failed" || (told._tag === "Done" && told["id"] === id),
        after
      )
      if (answer._tag === "Failed") return yield* failed(answer)
      return answer["value"]
    })

    const heardOf = new Map<string, Array<Uint8Array>>()
    foreign.listen(({ _tag, packet, user }) => {
      if (_tag !== "Heard") return
      const payload = new Uint8Array(Buffer.from(String(packet), "base64"))
      if (!voiced(payload)) return
      const heard = heardOf.get(String(user)) ?? []
      heardOf.set(String(user), heard)
      heard.push(payload)
    })
    const heard = (userId: string) => heardOf.get(userId) ?? []

    const client: Client = {
      foreign,
      userId: bot.id,
      join: Effect.fnUntraced(function*(channel: string) {
        yield* command("Join", yield* Effect.orDie(discord.channel(channel)))
      }),
      play: (frames) => Effect.asVoid(command("Play", frames.map(({ data }) => Buffer.from(data).toString("base64")))),
      playFile: (path) => Effect.asVoid(command("PlayFile", path)),
      listen: (userId) => Effect.asVoid(command("Listen", userId)),
      leave: Effect.asVoid(command("Leave")),
      privacyCode: command("PrivacyCode"),
      verificationCode: (userId) => command("VerificationCode", userId),
      heard
    }
    return client
  }
)

/** What our own client needs, as another bot. */
export const us = Layer.unwrap(Emulator.Emulator.useSync((discord) => discord.layerVoice("ours")))

/** Our own client in a channel, with everything it hears. */
export const ours = Effect.fnUntraced(function*(channel: string) {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* Effect.orDie(discord.guild("guild")),
    channelId: yield* Effect.orDie(discord.channel(channel))
  })
  const packets: Array<{ readonly userId: string | undefined; readonly payload: Uint8Array }> = []
  yield* session.packets.pipe(
    Stream.runForEach(({ payload, userId }) =>
      Effect.sync(() => packets.push({ userId, payload: new Uint8Array(payload) }))
    ),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  // audio may overtake the message that says whose it is
  const heard = (userId: string) =>
    packets.filter((packet) => (packet.userId ?? userId) === userId && voiced(packet.payload))
      .map(({ payload }) => payload)
  return { session, userId: session.userId, heard }
})

export type Ours = Effect.Success<ReturnType<typeof ours>>

/** The Opus packets of a file. */
export const packetsOf = (path: string) =>
  AudioSource.readFrames(AudioSource.fromFile(path)).pipe(Effect.map(Rig.payloads), Effect.orDie)

const patienceMs = 60_000

/** Repeats the check until it holds; it has to after a minute. */
export const until = <R>(check: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.timeoutOrElse(Rig.settled(check), { duration: patienceMs, orElse: () => check })

/** The library reported that its connection is in this state. */
export const isState = (name: string) => (told: Foreign.Told): told is Foreign.Told =>
  told._tag === "State" && told["name"] === name

/** Waits until the client is no longer in any channel. */
export const gone = Effect.fnUntraced(function*(client: Client) {
  const discord = yield* Emulator.Emulator
  yield* until(Effect.gen(function*() {
    const { voiceStates } = yield* discord.snapshot
    assert.notInclude(voiceStates.map(({ userId }) => userId), client.userId)
  }))
})

/**
 * What a client acknowledges in its heartbeats: first after one numbered message, which has the number 0, and then
 * after the number 3 as well.
 */
export const acknowledgements = Effect.fnUntraced(function*(client: Client) {
  const discord = yield* Emulator.Emulator
  const beats: Array<unknown> = []
  const numbers: Array<unknown> = []
  yield* discord.faults.add(({ frame, op, point, userId }) => {
    if (userId !== client.userId || typeof frame !== "string") return undefined
    // of a newcomer's messages, only Clients Connect (op 11) and Speaking (op 5) may come through
    if (point === "voice-out" && (op === 18 || op === 20)) return { _tag: "Drop" }
    const { d, seq } = JSON.parse(frame)
    if (point === "voice-out" && seq !== undefined) numbers.push(seq)
    if (point === "voice-in" && op === 3) beats.push(d.seq_ack)
    return undefined
  })
  const beatsOn = Effect.suspend(() => {
    const before = beats.length
    return until(Effect.sync(() => assert.isAtLeast(beats.length, before + 2)))
  })
  yield* client.join("lobby")
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  yield* until(Effect.sync(() => assert.deepStrictEqual(numbers, [0])))
  yield* beatsOn
  const first = beats.at(-1)
  yield* guest.setSpeaking(1)
  yield* until(Effect.sync(() => assert.deepStrictEqual(numbers, [0, 3])))
  yield* beatsOn
  return [first, beats.at(-1)]
})

const length = 20

/** The frames of one speech, as `frames` makes them: a fixed first byte, a number below 256, and the seed. */
export const ofSpeech = (packets: ReadonlyArray<Uint8Array>, seed: number) =>
  packets.filter((packet) => packet[0] === 0xfc && packet[1] === 0 && packet[3] === seed)

/** The client speaks: a guest and, if present, our client hear it bit for bit. */
export const speaks = Effect.fnUntraced(function*(
  client: Client,
  guest: Emulator.Participant,
  seed: number,
  us?: Ours
) {
  const spoken = Rig.frames(length, seed)
  yield* client.play(spoken)
  yield* until(Effect.gen(function*() {
    const heard = (yield* guest.heard).filter(({ userId }) => userId === client.userId).map(({ payload }) => payload)
    assert.deepStrictEqual(ofSpeech(heard, seed), Rig.payloads(spoken))
    if (us !== undefined) assert.deepStrictEqual(ofSpeech(us.heard(client.userId), seed), Rig.payloads(spoken))
  }))
})

/**
 * The client hears a user bit for bit once it knows who that is: Speaking (op 5) goes over TCP, and libraries drop
 * audio that overtakes it, because they do not know its user.
 */
const understood = Effect.fnUntraced(function*<E, R>(
  client: Client,
  userId: string,
  seed: number,
  speak: (frames: ReadonlyArray<AudioSource.OpusFrame>) => Effect.Effect<unknown, E, R>
) {
  const introduction = seed + 50
  const heard = (which: number) => ofSpeech(client.heard(userId), which)
  while (heard(introduction).length === 0) yield* speak(Rig.frames(5, introduction))
  const spoken = Rig.frames(length, seed)
  yield* speak(spoken)
  yield* until(Effect.sync(() => assert.deepStrictEqual(heard(seed), Rig.payloads(spoken))))
})

/** A guest and, if present, our client speak: the client hears them bit for bit. */
export const listens = Effect.fnUntraced(function*(
  client: Client,
  guest: Emulator.Participant,
  seed: number,
  us?: Ours
) {
  yield* understood(client, guest.userId, seed, (frames) => Effect.orDie(guest.speak(frames)))
  if (us === undefined) return
  yield* understood(client, us.userId, seed, (frames) =>
    us.session.play(AudioSource.fromFrames(frames)).pipe(
      Effect.flatMap(({ awaitEnd }) => awaitEnd),
      Effect.map((end) => assert.deepStrictEqual(end, { _tag: "Finished" }))
    ))
})

/**
 * The emulator had an answer to every request, and no objections. Its advice is printed: it concerns the library, or
 * the speed of the machine.
 */
export const blameless = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  assert.deepStrictEqual(yield* discord.violations, [])
  const unknown = [...yield* discord.counters].filter(([name]) => name.startsWith("rest-unknown:"))
  assert.deepStrictEqual(unknown, [])
  const { id } = yield* Effect.orDie(discord.user("bot"))
  for (const { code, message, userId } of yield* discord.advice) {
    yield* Effect.logInfo(`${userId === id ? "it" : "another"}: ${code}: ${message}`)
  }
})
