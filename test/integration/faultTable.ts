import { assert } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as CloseCode from "../../src/protocol/CloseCode.ts"
import { voiceCloseReason } from "../../src/voiceClose.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"
import * as Tap from "./tap.ts"

/**
 * What is done to a voice connection: its WebSocket is closed with a code or cut without a close frame, or it falls
 * silent, so that it stays open but nothing comes through in either direction.
 */
export type Fault =
  | { readonly _tag: "Close"; readonly code: number }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Silence" }

/** A moment in the life of a voice connection. */
export interface Step {
  readonly name: string
  /**
   * The message at which the fault happens, and whether before or after it. If it is left out, the fault happens while
   * audio flows.
   */
  readonly at?: {
    readonly point: Emulator.FaultPoint
    readonly op: number | string
    readonly side: "before" | "after"
  }
  /** What causes the message while audio flows. */
  readonly cause?: "request" | "speaking" | "arrival" | "departure" | "reunion"
  /** `join`: in the handshake of the first connection; `resume`: on the WebSocket that replaces a lost one. */
  readonly during: "join" | "call" | "resume"
  /** Whether the session description has come by then, so that there is something to resume. */
  readonly established: boolean
  /** What the bot is waiting for when the connection falls silent. */
  readonly awaits: "hello" | "handshake" | "resumed" | "heartbeat"
}

export const codes: ReadonlyArray<number> = [1000, 1001, ...CloseCode.voiceTable.map(({ code }) => code), 4999]

export const faults: ReadonlyArray<Fault> = [
  { _tag: "Silence" },
  { _tag: "Cut" },
  ...codes.map((code): Fault => ({ _tag: "Close", code }))
]

/** One fault of each kind: what the others do is known from the messages before. */
const someFaults = faults.filter((fault) =>
  fault._tag !== "Close" || [4001, 4006, 4012, 4014, 4016, 4017, 4021].includes(fault.code)
)

/** The messages of end-to-end encryption. */
const groupOps: ReadonlySet<number | string> = new Set([21, 22, 23, 24, 25, 26, 27, 28, 29, 30])

/** The faults that are played at a step: all of them once for each message that is not of the group, after it. */
export const faultsAt = ({ at }: Step): ReadonlyArray<Fault> =>
  at !== undefined && (at.side === "before" || groupOps.has(at.op)) ? someFaults : faults

const messages = [
  ["Hello", "voice-out", 8],
  ["Identify", "voice-in", 0],
  ["Ready", "voice-out", 2],
  ["IP discovery", "datagram-out", "discovery"],
  ["Select Protocol", "voice-in", 1],
  ["Session Description", "voice-out", 4],
  ["Speaking", "voice-in", 5]
] as const

/** The messages of end-to-end encryption if others are in a group already. */
const groupMessages = [
  ["External Sender", "voice-out", 25],
  ["Key Package", "voice-in", 26],
  ["Welcome", "voice-out", 30]
] as const

const callMessages = [
  ["request for a heartbeat", "voice-out", 3, "request"],
  ["Heartbeat", "voice-in", 3, "request"],
  ["Heartbeat Acknowledgement", "voice-out", 6, "request"],
  ["another's Speaking", "voice-out", 5, "speaking"],
  ["another's coming", "voice-out", 11, "arrival"],
  ["another's going", "voice-out", 13, "departure"],
  ["Proposals", "voice-out", 27, "arrival"],
  ["Commit", "voice-in", 28, "arrival"],
  ["Announced Commit", "voice-out", 29, "arrival"],
  ["Ready for Transition", "voice-in", 23, "arrival"],
  ["Execute Transition", "voice-out", 22, "arrival"],
  // alone, and together again
  ["Prepare Epoch", "voice-out", 24, "reunion"],
  ["Prepare Transition", "voice-out", 21, "reunion"],
  ["Key Package", "voice-in", 26, "reunion"],
  ["Welcome", "voice-out", 30, "reunion"]
] as const

const resumeMessages = [
  ["Hello", "voice-out", 8],
  ["Resume", "voice-in", 7],
  ["replayed message", "voice-out", 5],
  ["Proposals", "voice-out", 27],
  ["Resumed", "voice-out", 9],
  ["Speaking", "voice-in", 5]
] as const

const sides = ["before", "after"] as const

export const steps: ReadonlyArray<Step> = [
  ...messages.flatMap(([name, point, op]) =>
    sides.map((side): Step => {
      const isDescribed = name === "Speaking" || (name === "Session Description" && side === "after")
      return {
        name: `${side} ${name}`,
        at: { point, op, side },
        during: "join",
        // the answer to Select Protocol goes out before a close that comes after it, but not into silence
        established: isDescribed || (name === "Select Protocol" && side === "after"),
        awaits: isDescribed ? "heartbeat" : "handshake"
      }
    })
  ),
  ...groupMessages.flatMap(([name, point, op]) =>
    sides.map((side): Step => ({
      name: `${side} ${name}`,
      at: { point, op, side },
      during: "join",
      established: true,
      awaits: "heartbeat"
    }))
  ),
  { name: "while audio flows", during: "call", established: true, awaits: "heartbeat" },
  ...callMessages.flatMap(([name, point, op, cause]) =>
    sides.map((side): Step => ({
      name: `in the call, ${side} ${name}`,
      at: { point, op, side },
      cause,
      during: "call",
      established: true,
      awaits: "heartbeat"
    }))
  ),
  ...resumeMessages.flatMap(([name, point, op]) =>
    sides.map((side): Step => ({
      name: `resuming, ${side} ${name}`,
      at: { point, op, side },
      during: "resume",
      established: true,
      awaits: side === "before" && name === "Hello"
        ? "hello"
        : name === "Speaking" || (side === "after" && name === "Resumed")
        ? "heartbeat"
        : "resumed"
    }))
  )
]

/** "resumes", "rejoins", or the reason with which the session ends. */
export type Outcome = string

/**
 * The outcome required by the table of close codes and the policy alone. Nothing but the close comes from Discord: if
 * the main gateway's word decides, the lack of it ends the session.
 */
export const expected = (step: Step, fault: Fault): Outcome => {
  if (fault._tag === "Silence") {
    // a Resume that gets no answer is not tried again
    return step.awaits === "heartbeat" || step.awaits === "hello" ? "resumes" : "rejoins"
  }
  const code = fault._tag === "Close" ? fault.code : 1006
  if (step.established && CloseCode.voice(code).reaction === "resume") return "resumes"
  const reason = voiceCloseReason(code, "")
  switch (VoiceSession.policy.react(reason)) {
    case "rejoin":
    case "rejoin-once":
      return "rejoins"
    case "await-gateway":
      // without a word from the main gateway, the cause is unknown
      return "Disconnected"
    case "stop":
      return reason._tag
  }
}

/** The voice heartbeat of the emulator, and the deadline of a part of a handshake. */
const heartbeatMs = 13_750
const phaseMs = 10_000

/** A delay before a second attempt, closing and leaving, the handshake, and the first frame. */
const attemptMs = 2_000

/** How long it may take, in milliseconds, until audio flows again or the session has ended. */
export const deadlineMs = (step: Step, fault: Fault): number => {
  // a heartbeat that is not answered, and the one at which that is noticed
  if (fault._tag === "Silence") return (step.awaits === "heartbeat" ? 2 * heartbeatMs : phaseMs) + attemptMs
  if (fault._tag === "Cut") return attemptMs
  return CloseCode.voice(fault.code).reaction === "await-gateway" ? 5_000 + attemptMs : attemptMs
}

const frameMs = 120

/** Numbered Opus packets of 120 ms (two frames of 60 ms). */
const frames: ReadonlyArray<AudioSource.OpusFrame> = Array.from({ length: 500 }, (_, i) => ({
  data: Uint8Array.of(0x1b, 0x02, i >>> 8, i & 0xff),
  samples: 48 * frameMs
}))

const numbersOf = (heard: ReadonlyArray<Emulator.HeardFrame>) =>
  heard.filter(({ silence }) => !silence).map(({ payload }) => ((payload[2] ?? 0) << 8) | (payload[3] ?? 0))

const label = (fault: Fault) => fault._tag === "Close" ? String(fault.code) : fault._tag

/** Sets the rule that strikes at the message of a step; strikes at once if the step has no message. */
const strike = Effect.fnUntraced(function*(step: Step, fault: Fault) {
  const { faults } = yield* Emulator.Emulator
  const { at } = step
  if (fault._tag === "Silence") {
    let struck = at === undefined
    let silent = struck
    // until another WebSocket is greeted
    return yield* faults.add(({ op, point, userId }) => {
      if (point !== "voice-in" && point !== "voice-out" && point !== at?.point) return undefined
      if (userId === undefined) return undefined
      if (!struck && point === at?.point && op === at.op) {
        struck = silent = true
        return at.side === "before" ? { _tag: "Drop" } : undefined
      }
      if (silent && point === "voice-out" && op === 8) silent = false
      return silent ? { _tag: "Drop" } : undefined
    })
  }
  if (at === undefined) {
    return yield* fault._tag === "Cut" ? faults.terminateVoice("bot") : faults.closeVoice("bot", fault.code)
  }
  yield* faults.when(
    { user: "bot", point: at.point, op: at.op, nth: 1 },
    fault._tag === "Cut" ? { cut: at.side } : { close: fault.code, at: at.side }
  )
})

/** Makes the message of a step come. Returns the guest who listens from then on. */
const bring = Effect.fnUntraced(
  function*(step: Step, guest: Emulator.Participant, leavers: ReadonlyArray<Emulator.Participant>) {
    const discord = yield* Emulator.Emulator
    switch (step.cause) {
      case "request":
        yield* discord.faults.requestHeartbeat("bot", "voice")
        break
      case "speaking":
        yield* guest.setSpeaking(2)
        break
      case "arrival":
        yield* Rig.guest("lobby", "third guest")
        break
      case "departure":
        yield* Effect.forEach(leavers, ({ leave }) => leave)
        break
      case "reunion":
        yield* Effect.forEach(leavers, ({ leave }) => leave)
        yield* guest.leave
        yield* Effect.sleep("200 millis")
        return yield* Rig.guest()
    }
    return guest
  }
)

/** Plays one cell. Returns the outcome; everything else that has to hold is checked. */
export const run = (step: Step, fault: Fault): Effect.Effect<Outcome> => {
  const tap = Tap.make()
  let joins = 0

  const program = Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const { faults } = discord
    const guest = yield* Rig.guest()
    const isLeft = step.cause === "departure" || step.cause === "reunion"
    const leavers = isLeft ? [yield* Rig.guest("lobby", "other guest")] : []
    yield* faults.add(({ frame, op, point }) => {
      if (point === "gateway-in" && op === 4 && typeof frame === "string" && !frame.includes("\"channel_id\":null")) {
        joins++
      }
      return undefined
    })
    const deadline = Effect.sleep(deadlineMs(step, fault))

    if (step.during === "join") yield* strike(step, fault)
    const joining = yield* Effect.forkChild(Effect.result(Rig.join("lobby")), { startImmediately: true })
    if (step.during === "join") yield* deadline
    else yield* Effect.sleep("1 second")
    const result = joining.pollUnsafe() === undefined
      ? assert.fail("neither in the channel nor at an end")
      : yield* Fiber.join(joining)
    if (result._tag === "Failure") return result.failure.reason._tag
    const session = result.success
    if ((yield* session.state)._tag === "Closed") return (yield* Rig.reasonOf(session.awaitClosed))._tag
    const track = yield* session.play(AudioSource.fromFrames(frames))
    let listener = guest
    if (step.during !== "join") {
      yield* Effect.sleep("1 second")
      yield* strike(step, fault)
      listener = yield* bring(step, guest, leavers)
      if (step.during === "resume") {
        yield* faults.terminateVoice("bot")
        // something happens in the meantime
        yield* guest.setSpeaking(2)
        yield* Rig.guest("lobby", "third guest")
      }
      yield* deadline
    }
    const state = yield* session.state
    if (state._tag === "Closed") {
      const reason = yield* Rig.reasonOf(session.awaitClosed)
      const end = yield* track.awaitEnd
      assert(end._tag === "Failed")
      assert.strictEqual(end.error.reason, reason)
      if (listener === guest) assert.isAbove(numbersOf(yield* guest.heard).length, 5)
      return reason._tag
    }
    assert.strictEqual(state._tag, "Ready")
    const before = numbersOf(yield* listener.heard).length
    yield* Effect.sleep(10 * frameMs)
    const heard = numbersOf(yield* listener.heard)
    assert.isTrue((yield* listener.heard).every(({ encrypted, silence }) => silence || encrypted), "in the clear")
    const { membership, version } = yield* session.e2ee
    const codes = new Set((yield* Effect.orDie(discord.privacyCodes("lobby"))).values())
    assert.strictEqual(version, 1)
    assert.deepStrictEqual(Array.from(codes), [membership?.privacyCode], "not in the group of the others")
    assert.isAtLeast(heard.length - before, step.during === "join" ? 7 : 9, "audio does not flow")
    for (const [index, number] of heard.entries()) if (index > 0) assert.isAbove(number, heard[index - 1] ?? 0)
    if (joins > 1) return "rejoins"
    return tap.sent.some(({ op }) => op === 7) ? "resumes" : "goes on"
  })

  return Effect.gen(function*() {
    const outcome = yield* Rig.run(program, 60_000)
    yield* Rig.left
    const discord = yield* Emulator.Emulator
    assert.deepStrictEqual(yield* discord.violations, [])
    assert.deepStrictEqual([tap.voice.open, tap.datagram.open], [0, 0], "sockets stay open")
    assert.isAtMost(tap.voice.most, 1)
    assert.isAtMost(tap.datagram.most, 1)
    return outcome
  }).pipe(
    Effect.provide(Rig.inMemory(tap.layer), { local: true }),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.catchCause((cause) => Effect.die(new Error(`${step.name}, ${label(fault)}`, { cause })))
  )
}

const stated = (outcomes: ReadonlyArray<Outcome>) =>
  outcomes.map((outcome) => outcome === "resumes" || outcome === "rejoins" ? outcome : `\`${outcome}\``)

/** The page, made from the outcome of every cell. Faults with the same outcomes share a column. */
export const document = (outcomeOf: (step: Step, fault: Fault) => Outcome): string => {
  const whole = steps.filter((step) => faultsAt(step) === faults)
  const columns = new Map<string, { readonly labels: Array<string>; readonly cells: Array<string> }>()
  for (const fault of faults) {
    const key = whole.map((step) => outcomeOf(step, fault)).join()
    const column = columns.get(key) ?? { labels: [], cells: [] }
    columns.set(key, column)
    // the first fault of a column is played at every step
    if (column.cells.length === 0) column.cells.push(...stated(steps.map((step) => outcomeOf(step, fault))))
    column.labels.push(fault._tag === "Close" ? String(fault.code) : fault._tag === "Cut" ? "cut" : "silence")
  }
  const all = Array.from(columns.values())
  const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [
    "# What happens when a voice connection fails",
    "",
    "This page shows how a session reacts when its voice connection fails at any step of its life. A connection can fail in every",
    "way in which a WebSocket can end:",
    "",
    "- *a code*: it is closed with this close code. 4999 stands for an unknown code.",
    "- *cut*: it ends without a close frame (1006).",
    "- *silence*: it stays open, but nothing comes through any more.",
    "",
    "Each cell of the table is one of these outcomes:",
    "",
    "- *resumes*: the WebSocket is replaced beneath the connection, and audio continues.",
    "- *rejoins*: the session asks the main gateway for new credentials and makes a new connection. Tracks continue where they were.",
    "- a reason: the session ends with it, see [errors](errors.md).",
    "",
    "Discord says nothing but the close in these cells. If its main gateway says something as well, that decides: after 4014 and",
    "4022 a session follows to another voice server or channel, and ends with `Kicked` or `CallEnded` if it was removed.",
    "",
    "After a close, the session has recovered or ended within two seconds. It waits 5 seconds for the main gateway, gives up a",
    "silent handshake after 10 seconds, and a silent call after two heartbeats.",
    "",
    "The test `test/integration/faultTable.test.ts` plays each cell on virtual time and writes this table; it fails if an outcome",
    "changes. The call is end-to-end encrypted. In every cell where it continues, all members are in one group afterwards, and nothing",
    "was sent in the clear. The test plays one code of each column before a message, and at the messages of that group (from External",
    "Sender to Welcome, and from Proposals to the second Welcome). After any other message, and while audio flows, it plays all codes.",
    "",
    row(["when", ...all.map(({ labels }) => labels.join(", "))]),
    row(["---", ...all.map(() => "---")]),
    ...steps.map((step, index) => row([step.name, ...all.map(({ cells }) => cells[index] ?? "")])),
    "",
    "A session that is refused because of its own fault (4001 to 4005, 4020, an unknown code) rejoins once. If it happens twice in",
    "a row, the session ends with that reason.",
    ""
  ].join("\n")
}
