/**
 * The emulator of the recovery bench, in a process of its own: it makes the faults, and a guest in each channel hears what
 * becomes of them.
 */
import { Deferred, Effect, Option, Redacted, Schedule } from "effect"
import { Emulator } from "../../src/emulator/index.ts"
import type { FromEmulator, Kind, Outcome, PlayerArguments, ToEmulator } from "./messages.ts"

interface Arguments {
  readonly sessions: number
  readonly seconds: number
  /** In how many cycles the event loop is blocked once. */
  readonly blockEvery: number
  /** How long a session may be without audio before it is given up. */
  readonly patienceMs: number
}

const { blockEvery, patienceMs, seconds, sessions }: Arguments = JSON.parse(process.argv[2] ?? "")

const everyMs = 2_000
const blockMs = 3_000
/** Frames that have to be heard at the end of a fault's time. */
const steadyFrames = 5

const say = (message: FromEmulator) => process.send?.(message)

const begin = Deferred.makeUnsafe<void>()
let blocked = Deferred.makeUnsafe<void>()
process.on("message", (message) => {
  // the bench says what `ToEmulator` says
  const told = message as ToEmulator
  Deferred.doneUnsafe(told._tag === "Begin" ? begin : blocked, Effect.void)
})
process.on("disconnect", () => process.exit(0))

const numbers = Array.from({ length: sessions }, (_, i) => i)

const world = {
  guilds: numbers.map((i) => ({ name: `guild ${i}` })),
  channels: numbers.map((i) => ({ guild: `guild ${i}`, name: `channel ${i}`, e2ee: "optional" as const })),
  users: numbers.map((i) => ({ name: `bot ${i}`, bot: true }))
}

const faultsInTurn: ReadonlyArray<Kind> = ["cut", "close 4015", "close 4006", "server move", "4006, discovery lost"]

const make = Effect.fnUntraced(function*(discord: Emulator.Emulator["Service"], index: number, kind: Kind) {
  const user = `bot ${index}`
  switch (kind) {
    case "cut":
      return yield* discord.faults.terminateVoice(user)
    case "close 4015":
      return yield* discord.faults.closeVoice(user, 4015)
    case "close 4006":
      return yield* discord.faults.closeVoice(user, 4006)
    case "server move":
      return yield* discord.faults.moveServer(`channel ${index}`)
    case "4006, discovery lost":
      yield* discord.faults.when({ user, point: "datagram-in", op: "discovery", nth: 1 }, "drop")
      return yield* discord.faults.closeVoice(user, 4006)
    case "blocked 3 s":
      return yield* Deferred.await(blocked)
  }
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guests = yield* Effect.forEach(numbers, (i) => discord.join({ user: `guest ${i}`, channel: `channel ${i}` }))
  const users = yield* Effect.forEach(world.users, ({ name }) => discord.user(name))
  const tokens = users.map(({ token }) => Redacted.value(token))
  const args: PlayerArguments = {
    e2ee: false,
    gateway: discord.urls.gateway,
    token: tokens[0] ?? "",
    tokens,
    guilds: yield* Effect.forEach(world.guilds, ({ name }) => discord.guild(name)),
    channels: yield* Effect.forEach(world.channels, ({ name }) => discord.channel(name))
  }
  say({ _tag: "Listening", cert: discord.urls.cert, arguments: args })
  yield* Deferred.await(begin)

  const outcomes: Array<Outcome> = []
  const voiced = (guest: Emulator.Participant) =>
    Effect.map(guest.heard, (frames) => frames.filter(({ silence }) => !silence))
  const steady = Effect.fnUntraced(function*(guest: Emulator.Participant) {
    const { length } = yield* voiced(guest)
    return yield* guest.awaitFrames(length + steadyFrames)
  })

  const measure = Effect.fnUntraced(function*(guest: Emulator.Participant, index: number, kind: Kind) {
    const before = (yield* voiced(guest)).length
    // a client that still comes back from the fault before has no connection to act on
    yield* Effect.retry(make(discord, index, kind), {
      schedule: Schedule.spaced("20 millis"),
      while: ({ reason }) => reason._tag === "NothingToDo"
    })
    yield* Effect.sleep(everyMs)
    const frames = (yield* steady(guest)).slice(Math.max(0, before - 1))
    return frames.slice(1).reduce(
      (most, { arrivalMs }, i) => Math.max(most, arrivalMs - (frames[i]?.arrivalMs ?? 0)),
      0
    )
  }, Effect.scoped)

  const meet = Effect.fnUntraced(function*(guest: Emulator.Participant, index: number, kind: Kind) {
    const silentMs = yield* Effect.timeoutOption(measure(guest, index, kind), everyMs + patienceMs)
    outcomes.push({ kind, silentMs: Option.getOrNull(silentMs) })
    if (Option.isSome(silentMs)) return
    say({ _tag: "Renew", index })
    yield* steady(guest)
  }, Effect.asVoid)

  const all = <E>(f: (guest: Emulator.Participant, index: number) => Effect.Effect<void, E>) =>
    Effect.forEach(guests, f, { concurrency: "unbounded", discard: true })

  const faults = Effect.fnUntraced(function*(guest: Emulator.Participant, index: number) {
    // spread over the interval, so that they do not all come back at once
    yield* Effect.sleep((index * everyMs) / sessions)
    for (const kind of faultsInTurn) yield* meet(guest, index, kind)
  })

  yield* all((guest) => Effect.asVoid(steady(guest)))
  const startedAt = performance.now()
  for (let cycle = 0; performance.now() - startedAt < seconds * 1_000; cycle++) {
    yield* all(faults)
    if (cycle % blockEvery !== 0) continue
    blocked = Deferred.makeUnsafe<void>()
    say({ _tag: "Block", ms: blockMs })
    yield* all((guest, index) => meet(guest, index, "blocked 3 s"))
  }
  say({ _tag: "Done", outcomes, violations: (yield* discord.violations).length })
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program).pipe(Effect.provide(Emulator.layer({ tls: true, world }))))
