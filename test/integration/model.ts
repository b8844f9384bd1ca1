import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Layer, Metric, Random, References, Schedule, Scope, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Track from "../../src/audio/Track.ts"
import * as FaultSchedule from "../../src/emulator/core/faults/FaultSchedule.ts"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as CloseCode from "../../src/protocol/CloseCode.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import { sequenceDelta, timestampDelta } from "../../src/protocol/RtpPacket.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"
import * as Tap from "./tap.ts"
import * as VirtualTime from "./virtualTime.ts"

/** What a program does with its session, and what a moderator and a bad connection do to it. */
export type Deed =
  | { readonly _tag: "Pause" }
  | { readonly _tag: "Resume" }
  | { readonly _tag: "Seek"; readonly toMs: number }
  | { readonly _tag: "SetSelf"; readonly mute: boolean; readonly deaf: boolean }
  | { readonly _tag: "Go"; readonly channel: string }
  /** Tries to move to a channel that it may not enter. */
  | { readonly _tag: "Intrude" }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Play" }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Close" }
  | { readonly _tag: "MoveUser"; readonly channel: string }
  | { readonly _tag: "Storm"; readonly forMs: number; readonly rate: number; readonly seed: number }

/** Everything that happens in a run. It is plain data, and its seed reproduces it. */
export interface Plan {
  readonly seed: number
  readonly bots: ReadonlyArray<string>
  readonly frameMs: number
  readonly mode: EncryptionMode
  readonly network: Emulator.NetworkOptions
  /** Whether the guests support end-to-end encryption; then everything is encrypted. */
  readonly encrypted: boolean
  readonly faults: FaultSchedule.Schedule
  readonly deeds: ReadonlyArray<{ readonly atMs: number; readonly bot: string; readonly deed: Deed }>
}

/** All faults begin before this time and are over at this time. */
const faultyMs = 57_000

/** No run is shorter, however its sessions end. */
const leastMs = 60_000

/** Time to lose a connection before a session closes. */
const leastVisitMs = 3_000

/**
 * How long a session may take after that to be in a channel and to be heard, in milliseconds: the longest delay between
 * two attempts at the main gateway (72 seconds), one delay between two attempts at voice (half of that), and a join.
 */
const recoveryMs = 135_000

const channels = ["lobby", "other"] as const

type Dice = ReturnType<typeof EmulatorRandom.make>

const pick = <A>(random: Dice, list: readonly [A, ...ReadonlyArray<A>]): A => list[random.int(list.length)] ?? list[0]

const deeds: ReadonlyArray<(random: Dice) => Deed> = [
  () => ({ _tag: "Pause" }),
  () => ({ _tag: "Resume" }),
  (random) => ({ _tag: "Seek", toMs: random.int(60_000) }),
  (random) => ({ _tag: "SetSelf", mute: random.next() < 0.3, deaf: random.next() < 0.3 }),
  (random) => ({ _tag: "Go", channel: pick(random, channels) }),
  () => ({ _tag: "Intrude" }),
  () => ({ _tag: "Stop" }),
  () => ({ _tag: "Play" }),
  (random) => ({ _tag: "MoveUser", channel: pick(random, channels) }),
  (random) => ({
    _tag: "Storm",
    forMs: 500 + random.int(5_000),
    rate: pick(random, [0.01, 0.05, 0.2]),
    seed: random.int(0x7fff_ffff)
  })
]

/** A message or datagram with one thing wrong in it. */
const spoilt = (random: Dice, frame: string | Uint8Array): string | Uint8Array => {
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

/** Anything that a network or a server can do to a message or a datagram. */
const harm = (random: Dice, frame: string | Uint8Array): Emulator.FaultAction =>
  pick<() => Emulator.FaultAction>(random, [
    () => ({ _tag: "Drop" }),
    () => ({ _tag: "Delay", ms: random.int(3_000) }),
    () => ({ _tag: "Duplicate", copies: 1 + random.int(3) }),
    () => ({ _tag: "Replace", frame: spoilt(random, frame) })
  ])()

/** Draws a run. */
export const draw = (seed: number): Plan => {
  const random = EmulatorRandom.make(seed)
  const bots = random.next() < 0.04 ? ["bot", "second bot", "third bot"] : ["bot"]
  const calm = faultyMs - 2_000
  const fromMs = random.next() < 0.25 ? 0 : 1_000
  const kinds = random.next() < 0.08
    ? FaultSchedule.kinds
    : FaultSchedule.kinds.filter((kind) => !FaultSchedule.finalKinds.includes(kind))
  const drawn = FaultSchedule.draw({
    seed: random.int(0x7fff_ffff),
    users: bots,
    meanIntervalMs: pick(random, [2_000, 5_000, 12_000, 30_000]) / bots.length,
    durationMs: calm - fromMs,
    kinds
  }).map(({ atMs, incident }) => ({ atMs: atMs + fromMs, incident }))
  /**
   * Whether a session description is lost at that time: a bot that is not told a new key is heard by nobody, and cannot
   * know it.
   */
  const isKeyLost = (user: string, atMs: number) =>
    drawn.some(({ atMs: fromMs, incident }) =>
      (incident._tag === "WithholdMessage" || (incident._tag === "CutMessage" && incident.at === "before")) &&
      incident.user === user && incident.point === "voice-out" && incident.op === 4 &&
      atMs >= fromMs && atMs <= fromMs + incident.forMs
    )
  const lossesMs = bots.map(() => 1_000 + random.int(calm - 1_000))
  const wanted = pick(random, [0, 1, 3, 8])
  const acts = bots.flatMap((bot, index) => {
    const list = Array.from({ length: wanted }, () => ({
      atMs: random.int(calm),
      bot,
      deed: deeds[random.int(deeds.length)]?.(random) ?? assert.fail("there are deeds")
    }))
    const closeMs = random.next() < 0.08 ? Math.max(leastVisitMs, random.int(calm)) : undefined
    // every life has at least one loss
    const loss = { atMs: Math.min(lossesMs[index] ?? 0, (closeMs ?? calm) / 2), bot, deed: { _tag: "Cut" } as const }
    return closeMs === undefined
      ? [...list, loss]
      : [...list, loss, { atMs: closeMs, bot, deed: { _tag: "Close" } as const }]
  })
  const isStormy = (atMs: number) =>
    acts.some(({ atMs: fromMs, deed }) => deed._tag === "Storm" && atMs >= fromMs && atMs <= fromMs + deed.forMs)
  const faults = drawn.filter(({ atMs, incident }) =>
    incident._tag !== "RekeyVoice" || !(isStormy(atMs) || isKeyLost(incident.user, atMs))
  )
  return {
    seed,
    bots,
    frameMs: random.next() < 0.02 ? 20 : 120,
    mode: random.next() < 0.05 ? "aead_aes256_gcm_rtpsize" : "aead_xchacha20_poly1305_rtpsize",
    network: pick<Emulator.NetworkOptions>(random, [{ latencyMs: 1 }, { latencyMs: 20, jitterMs: 10 }, {
      latencyMs: 40,
      jitterMs: 20,
      loss: 0.02
    }]),
    encrypted: random.next() < 0.1,
    faults,
    deeds: acts.toSorted((a, b) => a.atMs - b.atMs)
  }
}

/**
 * A long track whose packets state who plays them, how often it was opened, and their number. Every seek and every
 * start opens it again, so that the last two numbers together only grow.
 */
const makeSource = (bot: number, frameMs: number): AudioSource.AudioSource => {
  let opened = 0
  const frames = {
    *[Symbol.iterator]() {
      const pass = ++opened
      for (let i = 0; i < 0xffff; i++) {
        // 20 ms in one packet, or two frames of 60 ms
        const head = frameMs === 20 ? [0xfc, 0] : [0x1b, 0x02]
        yield { data: Uint8Array.of(...head, bot, pass, i >>> 8, i & 0xff), samples: 48 * frameMs }
      }
    }
  }
  return AudioSource.fromFrames(frames, { name: "numbers" })
}

const numberOf = ({ payload }: Emulator.HeardFrame): number =>
  ((payload[3] ?? 0) << 16) | ((payload[4] ?? 0) << 8) | (payload[5] ?? 0)

/** A bot, and what has happened to it. */
interface Life {
  readonly name: string
  readonly tap: Tap.Tap
  joined: boolean
  ended: VoiceError | "left" | undefined
}

const reasonsOfUsers = new Set(["NotConnected", "JoinTimedOut", "NotAdmitted"])

/** The channel that no bot may connect to. */
const forbidden = "forbidden"

const perform = Effect.fnUntraced(function*(
  deed: Deed,
  session: VoiceSession.VoiceSession,
  source: AudioSource.AudioSource,
  playing: { track: Track.Track },
  { name, tap }: Life
) {
  const { channel, faults } = yield* Emulator.Emulator
  switch (deed._tag) {
    case "Pause":
      return yield* playing.track.pause
    case "Resume":
      return yield* playing.track.resume
    case "Seek":
      return yield* playing.track.seek(deed.toMs)
    case "SetSelf":
      return yield* session.setSelf(deed)
    case "Go":
      return yield* session.move(yield* Effect.orDie(channel(deed.channel)))
    case "Intrude":
      yield* session.move(yield* Effect.orDie(channel(forbidden)))
      return assert.fail(`${name} is where it may not be`)
    case "Stop":
      return yield* playing.track.stop
    case "Play":
      // one at a time: frames of a mix do not tell which track they are from
      if ((yield* playing.track.state)._tag !== "Ended") return
      playing.track = yield* session.play(source)
      return
    case "MoveUser":
      // it may be in no channel at the moment
      return yield* Effect.ignore(faults.moveUser(name, deed.channel))
    case "Cut":
      // there may be no connection at the moment, and one may have been lost on its own since
      return yield* faults.terminateVoice(name).pipe(
        Effect.retry({
          while: ({ reason }) => reason._tag === "NothingToDo" && tap.codes.size === 0,
          schedule: Schedule.spaced("100 millis")
        }),
        Effect.ignore
      )
    case "Storm": {
      const random = EmulatorRandom.make(deed.seed)
      const storm = faults.add(({ frame }) => random.next() < deed.rate ? harm(random, frame) : undefined)
      return yield* Effect.scoped(Effect.andThen(storm, Effect.sleep(deed.forMs)))
    }
    case "Close":
      return
  }
})

/** Waits for something, checking again as virtual time passes. */
const becomes = (what: string, withinMs: number, check: Effect.Effect<boolean>) =>
  Effect.gen(function*() {
    const startedMs = yield* Clock.currentTimeMillis
    while ((yield* Clock.currentTimeMillis) - startedMs <= withinMs) {
      if (yield* check) return
      yield* Effect.sleep(250)
    }
    return assert.fail(`${what} within ${withinMs} ms`)
  })

/** A session after all faults are over: it is back and heard, or it has ended. */
const outlive = (
  plan: Plan,
  session: VoiceSession.VoiceSession,
  source: AudioSource.AudioSource,
  playing: { track: Track.Track },
  heardOf: Effect.Effect<ReadonlyArray<Emulator.HeardFrame>>
) =>
  Effect.gen(function*() {
    const { privacyCodes } = yield* Emulator.Emulator
    const isSettled = Effect.map(session.state, ({ _tag }) => _tag === "Ready" || _tag === "Closed")
    yield* becomes("neither Ready nor Closed", recoveryMs, isSettled)
    /** For two seconds, nothing is missing except what the network loses. */
    const isWell = Effect.gen(function*() {
      const from = (yield* heardOf).length
      yield* Effect.sleep("2 seconds")
      if ((yield* session.state)._tag === "Closed") return true
      const heard = (yield* heardOf).slice(from)
      const lossMs = plan.network.loss === undefined ? 0 : 3 * plan.frameMs
      const wanted = (plan.network.loss === undefined ? 0.9 : 0.6) * 2_000 / plan.frameMs
      return heard.length >= wanted &&
        heard.every(({ arrivalMs }, i) =>
          arrivalMs - (heard[i - 1]?.arrivalMs ?? arrivalMs) <= plan.frameMs + lossMs + 45
        )
    })
    /** Everyone in the channel has the same privacy code if the guests can encrypt; otherwise nobody encrypts. */
    const isTogether = Effect.gen(function*() {
      if ((yield* session.state)._tag === "Closed") return true
      const { membership, version } = yield* session.e2ee
      const codes = yield* Effect.orDie(privacyCodes(yield* session.channelId))
      return version === (plan.encrypted ? 1 : 0) &&
        Array.from(codes.values()).every((code) => code === (plan.encrypted ? membership?.privacyCode : undefined))
    })
    const audible = Effect.gen(function*() {
      yield* session.setSelf({ mute: false, deaf: false })
      // a WebSocket never loses a single message, but the faults do: without Speaking, nobody is heard
      yield* session.setSpeaking({})
      if ((yield* playing.track.state)._tag === "Ended") playing.track = yield* session.play(source)
      yield* playing.track.resume
      const before = (yield* heardOf).length
      const isHeardOrOver = (count: number) =>
        Effect.gen(function*() {
          return (yield* heardOf).length > count + 1 || (yield* session.state)._tag === "Closed"
        })
      yield* becomes("not heard", recoveryMs, isHeardOrOver(before))
      // earlier damage may still come to light, for example an unanswered heartbeat
      yield* becomes("a gap though all is well, again and again", recoveryMs, isWell)
      yield* becomes("not in the group of the others", recoveryMs, isTogether)
    })
    yield* Effect.catch(
      audible,
      // a session that ends in the meantime is judged with its life
      ({ reason }) =>
        reason._tag === "NotConnected" || reason._tag in grounds
          ? Effect.void
          : assert.fail(`${reason._tag} at the end`)
    )
  })

/** One bot from its join to its end. */
const live = (
  plan: Plan,
  life: Life,
  index: number,
  heardOf: Effect.Effect<ReadonlyArray<Emulator.HeardFrame>>,
  look: Onlooker["look"]
) =>
  Effect.gen(function*() {
    const startedMs = yield* Clock.currentTimeMillis
    const remaining = (atMs: number) =>
      Effect.map(Clock.currentTimeMillis, (now) => Math.max(0, startedMs + atMs - now))
    const scope = yield* Scope.fork(yield* Effect.scope)
    const joined = yield* Rig.join("lobby", { modes: [plan.mode] }).pipe(Scope.provide(scope), Effect.result)
    if (joined._tag === "Failure") {
      life.ended = joined.failure
      look(life.ended)
      return
    }
    life.joined = true
    const session = joined.success
    look(session)
    yield* session.changes.pipe(
      Stream.runForEach((state) => Effect.sync(() => look(state))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* session.packets.pipe(Stream.runDrain, Effect.ignore, Effect.forkScoped({ startImmediately: true }))
    const source = makeSource(index, plan.frameMs)
    const first = yield* Effect.result(session.play(source))
    if (first._tag === "Success") {
      const playing = { track: first.success }
      look(playing.track)
      let closeAtMs = Number.POSITIVE_INFINITY
      for (const { atMs, bot, deed } of plan.deeds) {
        if (bot !== life.name) continue
        if (deed._tag === "Close") closeAtMs = Math.min(closeAtMs, atMs)
        yield* remaining(atMs).pipe(
          Effect.flatMap(Effect.sleep),
          Effect.andThen(perform(deed, session, source, playing, life)),
          Effect.catch(({ reason }) =>
            reasonsOfUsers.has(reason._tag) ? Effect.void : assert.fail(`${deed._tag} fails with ${reason._tag}`)
          ),
          Effect.forkIn(scope)
        )
      }
      yield* Effect.flatMap(remaining(Math.min(closeAtMs, faultyMs)), Effect.sleep)
      if (closeAtMs < faultyMs) {
        const hasLost = Effect.map(session.state, ({ _tag }) => life.tap.codes.size > 0 || _tag === "Closed")
        yield* becomes("loses no connection", recoveryMs, hasLost)
      } else {
        // a bot that was let in late still has deeds scheduled for before this
        yield* Effect.sleep(1)
        yield* outlive(plan, session, source, playing, heardOf)
      }
    }
    if ((yield* session.state)._tag === "Closed") {
      life.ended = yield* Effect.flip(session.awaitClosed)
      look(life.ended)
    } else assert.strictEqual(first._tag, "Success", "a session that is up does not play")
    const [, elapsedMs] = yield* Rig.timed(Scope.close(scope, Exit.void))
    assert.isAtMost(elapsedMs, 4_000, "leaving takes too long")
    life.ended ??= "left"
  })

const kindsOf = (plan: Plan): ReadonlySet<string> =>
  new Set([...plan.faults.map(({ incident }) => incident._tag), ...plan.deeds.map(({ deed }) => deed._tag)])

/** What can keep the main gateway's messages from a bot. */
const deafening = [
  "CutGateway",
  "CloseGateway",
  "ReconnectGateway",
  "SuspendGateway",
  "DropGateway",
  "LoseServerUpdate",
  "DelayEvents",
  "CutMessage",
  "WithholdMessage",
  "IgnoreHeartbeats",
  "Storm"
]

/** What removes a bot from where it is, so that the main gateway has to say where to go. */
const displacing = ["Kick", "MoveServer", "ParkChannel", "DropGateway", "MoveUser", "Go"]

/** The reasons with which a session may end, and what must have been done to it: one item of each list. */
const grounds: { readonly [reason: string]: ReadonlyArray<ReadonlyArray<string>> } = {
  Kicked: [["Kick"]],
  // removed from a channel whose server is gone: code 4022, then no channel; or by the end of a main session whose
  // READY was withheld
  CallEnded: [["Kick", "WithholdMessage"], ["ParkChannel", "MoveServer"]],
  // a bot that is kicked while a lost socket is being resumed does not receive 4014
  Disconnected: [displacing, [...deafening, "Kick"]],
  JoinTimedOut: [[...deafening, ...displacing]],
  // what a storm did to our messages, or to those of the servers
  GatewayClosed: [["Storm"]],
  ProtocolViolated: [["Storm"]],
  NoCommonMode: [["Storm"]],
  UdpFailed: [["Storm"]],
  SocketOpenFailed: [["Storm"]],
  ...Object.fromEntries(
    CloseCode.voiceTable
      .filter(({ reaction }) => reaction === "rejoin-once" || reaction === "stop")
      .map(({ name }) => [name, [["Storm"]]])
  )
}

const judgeEnd = (plan: Plan, { ended, name }: Life) => {
  if (ended === undefined || ended === "left") return
  const tag = ended.reason._tag
  const kinds = kindsOf(plan)
  const needed = grounds[tag] ?? assert.fail(`${name} ends with ${tag}: ${ended.message}`)
  for (const any of needed) {
    assert.isTrue(any.some((kind) => kinds.has(kind)), `${name} ends with ${tag} for no reason: ${ended.message}`)
  }
}

/** The voice heartbeat of the emulator. */
const heartbeatMs = 13_750

const judgeSignalling = (plan: Plan, { name, tap }: Life, solicited: ReadonlyArray<number>) => {
  // a storm repeats Hello and heartbeat requests, and each is answered
  const isPlain = !kindsOf(plan).has("Storm")
  const dead = new Set<unknown>()
  const unasked = new Map<number, number>()
  const requests = new Map<number, number>()
  for (const t of solicited) requests.set(t, (requests.get(t) ?? 0) + 1)
  for (const [index, { atMs, d, op, socket }] of tap.sent.entries()) {
    if (op === 0 || op === 7) {
      for (const before of tap.sent.slice(0, index)) {
        if (before.socket < socket && tap.codes.get(before.socket) === 4006 && (before.op === 0 || before.op === 7)) {
          dead.add(before.d["token"])
        }
      }
      assert.isFalse(dead.has(d["token"]), `${name} uses a token again that was refused with 4006`)
    }
    if (op !== 3 || !isPlain) continue
    const t = Number(d["t"])
    const left = requests.get(t) ?? 0
    if (left > 0) {
      requests.set(t, left - 1)
      continue
    }
    const before = unasked.get(socket)
    if (before !== undefined) assert.isAtLeast(atMs - before, heartbeatMs - 1, `${name} beats twice in an interval`)
    unasked.set(socket, atMs)
  }
}

const judgeMedia = (plan: Plan, { name, tap }: Life) => {
  const streams = new Map<number, Array<Tap.SentPacket>>()
  let last: number | undefined
  for (const packet of tap.packets) {
    const stream = streams.get(packet.ssrc)
    if (stream === undefined) streams.set(packet.ssrc, [packet])
    else {
      if (packet.ssrc !== last) return assert.fail(`${name} goes back to a former SSRC`)
      stream.push(packet)
    }
    last = packet.ssrc
  }
  for (const stream of streams.values()) {
    const [first] = stream
    if (first === undefined) continue
    let mediaSamples = 0
    for (const [index, packet] of stream.entries()) {
      const before = stream[index - 1]
      if (before === undefined) continue
      if (sequenceDelta(packet.sequence, before.sequence) !== 1) return assert.fail(`${name} skips a sequence number`)
      mediaSamples += timestampDelta(packet.timestamp, before.timestamp)
      // silence that closes a stream permanently is sent at once
      const isLast = stream.length - index <= 5 && packet.atMs === stream.at(-1)?.atMs
      const offMs = mediaSamples / 48 - (packet.atMs - first.atMs)
      if (Math.abs(offMs) > (isLast ? plan.frameMs + 100 : plan.frameMs)) {
        return assert.fail(`${name}: timestamps leave the clock by ${offMs} ms at ${packet.atMs} ms`)
      }
    }
  }
}

const judgeHeard = (plan: Plan, { name, tap }: Life, heard: ReadonlyArray<Emulator.HeardFrame>) => {
  assert.isTrue(
    heard.every(({ encrypted, silence }) => silence || encrypted === plan.encrypted),
    `${name} in the clear`
  )
  const order = new Map<number, number>()
  for (const { ssrc } of tap.packets) if (!order.has(ssrc)) order.set(ssrc, order.size)
  const bySequence = heard.filter(({ silence }) => !silence).map((frame) => ({
    frame,
    stream: order.get(frame.ssrc) ?? assert.fail("heard what was not sent"),
    number: numberOf(frame)
  })).toSorted((a, b) => a.stream - b.stream || sequenceDelta(a.frame.sequence, b.frame.sequence))
  for (const [index, { frame, number, stream }] of bySequence.entries()) {
    const before = bySequence[index - 1]
    if (before === undefined) continue
    if (before.stream === stream && before.frame.sequence === frame.sequence) {
      if (number !== before.number) return assert.fail(`${name}: a sequence number with two frames`)
    } else if (number <= before.number) return assert.fail(`${name}: a frame is heard twice or out of order`)
  }
}

/** Counts the fibers that run beneath an effect. */
export const countingFibers = () => {
  let running = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void running++,
    recordFiberEnd: () => void running--
  }
  return { service, running: () => running }
}

/** The cipher libraries take real time to start. */
export const started = Effect.scoped(Layer.build(Layer.merge(VoiceCrypto.layer, Mixer.layer)))

/** Observes a run. */
export interface Onlooker {
  /** Begins with the run. */
  readonly attend: Effect.Effect<void, never, Emulator.Emulator | Scope.Scope>
  /** Called with everything that a program can hold a reference to. */
  readonly look: (value: unknown) => void
  /** Wraps the whole run. */
  readonly around: <A, E>(run: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

const nobody: Onlooker = {
  attend: Effect.void,
  look: () => {},
  around: Effect.provideService(References.MinimumLogLevel, "None")
}

/** Plays a plan. Returns the reasons with which sessions ended, and the incidents that took effect. */
export const play = (plan: Plan, onlooker = nobody) => {
  const lives = plan.bots.map((name): Life => ({
    name,
    tap: Tap.make(name),
    joined: false,
    ended: undefined
  }))
  const fibers = countingFibers()

  const program = Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    yield* onlooker.attend
    yield* discord.createChannel({ name: "other" })
    for (const name of plan.bots) if (name !== "bot") yield* discord.createUser({ name, bot: true })
    yield* discord.createChannel({ name: forbidden })
    for (const name of plan.bots) yield* discord.faults.deny(name, forbidden, { connect: true })
    const can = { e2ee: plan.encrypted }
    const guests = [
      yield* Rig.guest("lobby", "guest", can),
      yield* Rig.guest("other", "second guest", can)
    ] as const
    const ids = new Map<string, string>()
    for (const name of plan.bots) ids.set(name, (yield* discord.user(name)).id)
    const heardOf = (name: string) =>
      Effect.map(
        Effect.forEach(guests, ({ heard }) => heard),
        (lists) =>
          lists.flat().filter(({ userId }) => userId === ids.get(name)).toSorted((a, b) => a.arrivalMs - b.arrivalMs)
      )
    const solicited = new Map<string, Array<number>>(plan.bots.map((name) => [name, []]))
    yield* discord.faults.add(({ frame, op, point, userId }) => {
      if (point !== "voice-out" || op !== 3 || typeof frame !== "string") return undefined
      const { d } = JSON.parse(frame)
      for (const [name, id] of ids) if (id === userId) solicited.get(name)?.push(d.t)
      return undefined
    })
    yield* Effect.forkScoped(
      guests[0].speak(Rig.frames(25, 1)).pipe(Effect.ignore, Effect.andThen(Effect.sleep("20 seconds")), Effect.forever)
    )
    const faultScope = yield* Scope.fork(yield* Effect.scope)
    const playing = yield* discord.faults.play(plan.faults).pipe(Scope.provide(faultScope))
    yield* Effect.forkScoped(Effect.andThen(Effect.sleep(faultyMs), Scope.close(faultScope, Exit.void)), {
      startImmediately: true
    })
    yield* Effect.forEach(
      lives,
      (life, index) =>
        Effect.scoped(live(plan, life, index, heardOf(life.name), onlooker.look)).pipe(
          Effect.provide(life.tap.layer, { local: true }),
          Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service)
        ),
      { concurrency: "unbounded", discard: true }
    )
    yield* Effect.sleep(Math.max(10, leastMs - (yield* Clock.currentTimeMillis)))
    for (const life of lives) {
      const { ended, joined, tap } = life
      if (joined && ended === "left") assert.isAbove(tap.codes.size, 0, `${life.name} has lost no connection`)
      judgeEnd(plan, life)
      judgeSignalling(plan, life, solicited.get(life.name) ?? [])
      judgeMedia(plan, life)
      judgeHeard(plan, life, yield* heardOf(life.name))
      const { datagram, gateway, voice } = life.tap
      assert.deepStrictEqual([voice.open, datagram.open, gateway.open], [0, 0, 0], "sockets stay open")
      assert.isAtMost(Math.max(voice.most, datagram.most, gateway.most), 1, "two connections at once")
    }
    assert.strictEqual(fibers.running(), 0, "fibers stay")
    // if datagrams can be late or lost, the goodbye on the WebSocket may overtake the silence before it
    const isFaithful = plan.network.jitterMs === undefined && plan.network.loss === undefined
    // and a storm spoils what advice is about
    const advice = (yield* discord.advice).filter(({ code }) =>
      !kindsOf(plan).has("Storm") && (isFaithful || code !== "missing-closing-silence")
    )
    const verdicts = [...(yield* discord.violations), ...advice]
    assert.deepStrictEqual(verdicts, [], JSON.stringify(verdicts))
    return (yield* playing.played).filter(({ found }) => found).map(({ incident }) => incident._tag)
  })

  return Effect.scoped(program).pipe(
    // also for the backoff and the jitter of the sessions
    Random.withSeed(plan.seed),
    Effect.map((happened) => ({
      happened,
      ends: lives.map(({ ended }) => ended === undefined || ended === "left" ? "left" : ended.reason._tag)
    })),
    Effect.provide(
      Rig.inMemory(Layer.empty, {
        seed: plan.seed,
        network: plan.network,
        profile: plan.encrypted ? "today" : Rig.open
      }),
      { local: true }
    ),
    onlooker.around,
    (run) => Effect.andThen(started, VirtualTime.run(run, 600_000)),
    Effect.catchCause((cause) => Effect.die(new Error(explain(plan, cause))))
  )
}

const explain = (plan: Plan, cause: Cause.Cause<unknown>) =>
  [
    `seed ${plan.seed}: ${Cause.pretty(cause)}`,
    JSON.stringify(plan),
    `alone: SEED=${plan.seed} npx vitest run test/integration/model.test.ts`
  ].join("\n")

/** Plays seeds one after another, and counts what happened and how sessions ended. */
export const playAll = Effect.fnUntraced(function*(from: number, count: number) {
  const happened = new Map<string, number>()
  const ends = new Map<string, number>()
  const tally = (map: Map<string, number>, keys: ReadonlyArray<string>) => {
    for (const key of keys) map.set(key, (map.get(key) ?? 0) + 1)
  }
  for (let seed = from; seed < from + count; seed++) {
    const result = yield* play(draw(seed))
    tally(happened, result.happened)
    tally(ends, result.ends)
  }
  return { happened, ends }
})
