import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Metric, Random, References, Scope } from "effect"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Model from "./model.ts"
import * as Rig from "./rig.ts"
import * as Tap from "./tap.ts"
import * as VirtualTime from "./virtualTime.ts"

/** What a program does with its session. */
type Deed =
  | { readonly _tag: "Go"; readonly channel: string; readonly forMs?: number }
  | { readonly _tag: "SetSelf"; readonly mute?: boolean; readonly deaf?: boolean; readonly forMs?: number }
  | { readonly _tag: "SetStage" }
  | { readonly _tag: "Play" }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Interrupt" }
  | { readonly _tag: "JoinBeside" }
  | { readonly _tag: "LeaveAndJoin" }

/** What Discord and moderators do. */
type Fate =
  | { readonly _tag: "MoveUser"; readonly channel: string }
  | { readonly _tag: "MuteUser"; readonly mute: boolean; readonly deaf: boolean }
  | { readonly _tag: "CutVoice" }
  | { readonly _tag: "CloseVoice"; readonly code: number }
  | { readonly _tag: "CutGateway" }
  | { readonly _tag: "DropGateway" }
  | { readonly _tag: "MoveServer"; readonly nullFirst: boolean }
  | { readonly _tag: "Outage"; readonly forMs: number }
  | { readonly _tag: "Visit"; readonly channel: string; readonly e2ee: boolean; readonly forMs: number }

/** What happens in a run, in bursts, so that things coincide. */
export interface Plan {
  readonly seed: number
  readonly encrypted: boolean
  readonly steps: ReadonlyArray<{ readonly atMs: number; readonly what: Deed | Fate }>
}

const channels = ["lobby", "other"] as const
const forbidden = "forbidden"

type Dice = ReturnType<typeof EmulatorRandom.make>

const pick = <A>(random: Dice, list: readonly [A, ...ReadonlyArray<A>]): A => list[random.int(list.length)] ?? list[0]

const draws: readonly [(random: Dice) => Deed | Fate, ...ReadonlyArray<(random: Dice) => Deed | Fate>] = [
  (random) => ({ _tag: "Go", channel: pick(random, [...channels, forbidden]) }),
  (random) => ({ _tag: "Go", channel: pick(random, channels), forMs: random.int(400) }),
  (random) => ({ _tag: "SetSelf", mute: random.next() < 0.5, deaf: random.next() < 0.5 }),
  (random) => ({ _tag: "SetSelf", mute: random.next() < 0.5 }),
  (random) => ({ _tag: "SetSelf", mute: random.next() < 0.5, forMs: random.int(30) }),
  () => ({ _tag: "SetStage" }),
  () => ({ _tag: "Play" }),
  () => ({ _tag: "Cut" }),
  () => ({ _tag: "Interrupt" }),
  () => ({ _tag: "JoinBeside" }),
  () => ({ _tag: "LeaveAndJoin" }),
  (random) => ({ _tag: "MoveUser", channel: pick(random, channels) }),
  (random) => ({ _tag: "MuteUser", mute: random.next() < 0.5, deaf: random.next() < 0.5 }),
  () => ({ _tag: "CutVoice" }),
  (random) => ({ _tag: "CloseVoice", code: pick(random, [4006, 4009, 4015]) }),
  () => ({ _tag: "CutGateway" }),
  () => ({ _tag: "DropGateway" }),
  (random) => ({ _tag: "MoveServer", nullFirst: random.next() < 0.3 }),
  (random) => ({ _tag: "Outage", forMs: random.int(8_000) }),
  (random) => ({
    _tag: "Visit",
    channel: pick(random, channels),
    e2ee: random.next() < 0.5,
    forMs: 200 + random.int(4_000)
  })
]

/** Draws a run. */
export const draw = (seed: number): Plan => {
  const random = EmulatorRandom.make(seed)
  const encrypted = random.next() < 0.3
  const steps = Array.from({ length: 1 + random.int(3) }, () => {
    const fromMs = 500 + random.int(12_000)
    return Array.from({ length: 2 + random.int(3) }, () => ({
      atMs: fromMs + random.int(pick(random, [1, 30, 300])),
      what: pick(random, draws)(random)
    }))
  }).flat().toSorted((a, b) => a.atMs - b.atMs)
  return { seed, encrypted, steps }
}

/** When the last of it is over, counted from the start. */
const calmMs = 25_000

/** How long a session may take after that to be in a channel and to be heard. */
const recoveryMs = 135_000

/** The reasons with which a user's request may fail. */
const failures = new Set([
  "Disconnected",
  "CallEnded",
  "JoinTimedOut",
  "Kicked",
  "NotConnected",
  "NotAdmitted",
  "AlreadyJoined",
  "GatewayFailed"
])

/** The current session, and what its program wants. */
interface Bot {
  session: VoiceSession.VoiceSession | undefined
  scope: Scope.Closeable
  mute: boolean
  deaf: boolean
}

const happen = Effect.fnUntraced(function*(what: Deed | Fate, bot: Bot, outer: Scope.Scope) {
  const { channel, faults, join } = yield* Emulator.Emulator
  const { session } = bot
  switch (what._tag) {
    case "MoveUser":
      return yield* Effect.ignore(faults.moveUser("bot", what.channel))
    case "MuteUser":
      return yield* Effect.ignore(faults.muteUser("bot", what))
    case "CutVoice":
      return yield* Effect.ignore(faults.terminateVoice("bot"))
    case "CloseVoice":
      return yield* Effect.ignore(faults.closeVoice("bot", what.code))
    case "CutGateway":
      return yield* Effect.ignore(faults.terminateGateway("bot"))
    case "DropGateway":
      return yield* Effect.ignore(faults.dropGatewaySession("bot"))
    case "MoveServer":
      return yield* Effect.ignore(
        Effect.forEach(channels, (name) => faults.moveServer(name, { nullEndpointFirst: what.nullFirst }))
      )
    case "Outage":
      return yield* Effect.scoped(Effect.andThen(Effect.ignore(faults.guildOutage()), Effect.sleep(what.forMs)))
    case "Visit":
      return yield* Effect.scoped(Effect.andThen(
        Effect.ignore(join({ user: `visitor ${what.forMs}`, channel: what.channel, e2ee: what.e2ee })),
        Effect.sleep(what.forMs)
      ))
    case "JoinBeside":
      return yield* Effect.scoped(Rig.join("other"))
    case "LeaveAndJoin": {
      if (session === undefined) return
      bot.session = undefined
      yield* Scope.close(bot.scope, Exit.void)
      bot.scope = yield* Scope.fork(outer)
      bot.session = yield* Rig.join("lobby", { selfMute: bot.mute, selfDeaf: bot.deaf }).pipe(
        Scope.provide(bot.scope)
      )
      return
    }
    default:
  }
  if (session === undefined) return
  switch (what._tag) {
    case "Go": {
      const moving = session.move(yield* Effect.orDie(channel(what.channel)))
      return yield* what.forMs === undefined ? moving : Effect.timeoutOption(moving, what.forMs)
    }
    case "SetSelf": {
      bot.mute = what.mute ?? bot.mute
      bot.deaf = what.deaf ?? bot.deaf
      const setting = session.setSelf(what)
      return yield* what.forMs === undefined ? setting : Effect.timeoutOption(setting, what.forMs)
    }
    case "SetStage":
      return yield* session.setStage("speaker")
    case "Play":
      return yield* session.play(Rig.source(200))
    case "Cut":
      return yield* Effect.flatMap(session.tracks, (tracks) => session.cut(tracks.slice(0, 1)))
    case "Interrupt":
      return yield* session.interrupt
  }
})

/** Waits for something, checking again as virtual time passes. */
const becomes = (what: string, check: Effect.Effect<boolean>) =>
  Effect.gen(function*() {
    const startedMs = yield* Clock.currentTimeMillis
    while ((yield* Clock.currentTimeMillis) - startedMs <= recoveryMs) {
      if (yield* check) return
      yield* Effect.sleep(250)
    }
    return assert.fail(`${what} within ${recoveryMs} ms`)
  })

const live = (plan: Plan, heardOf: Effect.Effect<number>) =>
  Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const outer = yield* Effect.scope
    const scope = yield* Scope.fork(outer)
    const bot: Bot = { session: undefined, scope, mute: false, deaf: false }
    bot.session = yield* Rig.join("lobby").pipe(Scope.provide(scope))
    const me = bot.session.userId
    const deeds = yield* Effect.forkChild(Effect.forEach(plan.steps, ({ atMs, what }) =>
      Effect.sleep(atMs).pipe(
        Effect.andThen(happen(what, bot, outer)),
        Effect.catchIf(
          (error): error is VoiceError => "reason" in error && failures.has(error.reason._tag),
          () => Effect.void
        )
      ), { concurrency: "unbounded", discard: true }))
    const over = { now: false }
    yield* Effect.forkChild(
      Effect.andThen(Effect.exit(Effect.suspend(() => Fiber.join(deeds))), Effect.sync(() => over.now = true))
    )
    yield* Effect.sleep(calmMs)
    yield* becomes("somebody waits still", Effect.sync(() => over.now))
    yield* Fiber.join(deeds)
    const { session } = bot
    if (session !== undefined) {
      const isClosed = Effect.map(session.state, ({ _tag }) => _tag === "Closed")
      const or = (check: Effect.Effect<boolean>) => Effect.flatMap(isClosed, (is) => is ? Effect.succeed(true) : check)
      yield* becomes("neither Ready nor Closed", or(Effect.map(session.state, ({ _tag }) => _tag === "Ready")))
      /** Discord has the bot where the session says it is, and shows it as the program wants. */
      const isShown = Effect.gen(function*() {
        const shown = (yield* discord.snapshot).voiceStates.find(({ userId }) => userId === me)
        return shown !== undefined && shown.channelId === (yield* session.channelId) &&
          shown.selfMute === bot.mute && shown.selfDeaf === bot.deaf
      })
      yield* becomes("not shown as it wants to be", or(isShown))
      yield* Effect.ignore(discord.faults.muteUser("bot", { mute: false, deaf: false }))
      const audible = Effect.gen(function*() {
        // the last request counts, whatever became of it
        if (bot.mute) yield* session.setSelf({ mute: false })
        yield* session.interrupt
        yield* session.play(Rig.source(60_000))
        const before = yield* heardOf
        yield* becomes("not heard", or(Effect.map(heardOf, (count) => count > before + 25)))
      })
      yield* Effect.catchIf(audible, ({ reason }) => failures.has(reason._tag), () => Effect.void)
      if (yield* isClosed) {
        const ended = yield* Effect.flip(session.awaitClosed)
        assert.fail(`nobody is thrown out, and yet: ${ended.message}`)
      }
    }
    const [, elapsedMs] = yield* Rig.timed(Scope.close(bot.scope, Exit.void))
    assert.isAtMost(elapsedMs, 4_000, "leaving takes too long")
    yield* Effect.sleep(2_000)
    assert.isFalse((yield* discord.snapshot).voiceStates.some(({ userId }) => userId === me), "is there still")
  })

/** Plays a plan. */
export const play = (plan: Plan) => {
  const tap = Tap.make("bot")
  const fibers = Model.countingFibers()
  const program = Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    yield* discord.createChannel({ name: "other" })
    yield* discord.createChannel({ name: forbidden })
    yield* discord.faults.deny("bot", forbidden, { connect: true })
    const can = { e2ee: plan.encrypted }
    const guests = [yield* Rig.guest("lobby", "guest", can), yield* Rig.guest("other", "second guest", can)]
    const { id } = yield* discord.user("bot")
    const heardOf = Effect.map(
      Effect.forEach(guests, ({ heard }) => heard),
      (lists) => lists.flat().filter(({ silence, userId }) => userId === id && !silence).length
    )
    yield* Effect.scoped(live(plan, heardOf)).pipe(
      Effect.provide(tap.layer, { local: true }),
      Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service)
    )
    assert.deepStrictEqual([tap.voice.open, tap.datagram.open, tap.gateway.open], [0, 0, 0], "sockets stay open")
    assert.strictEqual(fibers.running(), 0, "fibers stay")
    const verdicts = yield* discord.violations
    assert.deepStrictEqual(verdicts, [], JSON.stringify(verdicts))
  })
  return Effect.scoped(program).pipe(
    Random.withSeed(plan.seed),
    Effect.provide(Rig.inMemory(Layer.empty, { seed: plan.seed, profile: Rig.open }), { local: true }),
    Effect.provideService(References.MinimumLogLevel, "None"),
    (run) => Effect.andThen(Model.started, VirtualTime.run(run, 600_000)),
    Effect.catchCause((cause) =>
      Effect.die(
        new Error(
          [
            `seed ${plan.seed}: ${Cause.pretty(cause)}`,
            JSON.stringify(plan),
            `alone: SEED=${plan.seed} npx vitest run test/integration/overlaps.test.ts`
          ].join("\n")
        )
      )
    )
  )
}

/** Plays seeds one after another. */
export const playAll = Effect.fnUntraced(function*(from: number, count: number) {
  for (let seed = from; seed < from + count; seed++) yield* play(draw(seed))
})
