/**
 * The emulator of the bench of changing groups, in a process of its own: for each size a group that lacks but our client,
 * and a visitor who comes and goes while the client is there, and while it is not.
 */
import { Effect, Redacted } from "effect"
import { Emulator } from "../../src/emulator/index.ts"
import type { EmulatorArguments, FromEmulator, ToEmulator } from "./messages.ts"

const { sizes, streams }: EmulatorArguments = JSON.parse(process.argv[2] ?? "")

/** Between two changes. */
const pauseMs = 150
const pollMs = 10

const say = (message: FromEmulator) => process.send?.(message)

process.on("disconnect", () => process.exit(0))

const numbers = Array.from({ length: streams }, (_, i) => i)

const world = {
  guilds: [...numbers.map((i) => ({ name: `plain ${i}` })), ...sizes.map((size) => ({ name: `group ${size}` }))],
  channels: [
    ...numbers.map((i) => ({ guild: `plain ${i}`, name: `plain ${i}`, e2ee: "optional" as const })),
    ...sizes.map((size) => ({ guild: `group ${size}`, name: `group ${size}`, e2ee: "required" as const }))
  ]
}

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator

  const code = Effect.fnUntraced(function*(channel: string) {
    const codes = [...(yield* discord.privacyCodes(channel)).values()]
    return codes.every((code) => code !== undefined && code === codes[0]) ? codes[0] : undefined
  })

  /** Does something that changes a group, and waits until all are in the new one. */
  const changing = Effect.fnUntraced(function*<A, E, R>(channel: string, change: Effect.Effect<A, E, R>) {
    const former = yield* code(channel)
    const changed = yield* change
    while (true) {
      const now = yield* code(channel)
      if (now !== undefined && now !== former) return changed
      yield* Effect.sleep(pollMs)
    }
  })

  for (const size of sizes) {
    const channel = `group ${size}`
    for (let i = 1; i < size; i++) {
      yield* discord.join({ user: `${channel} guest ${i}`, channel })
      // whoever waits for this process shall hear of it
      yield* Effect.yieldNow
    }
    // one who is alone is in no group
    if (size > 2) { while ((yield* code(channel)) === undefined) yield* Effect.sleep(pollMs) }
    say({ _tag: "Grouped", size })
  }

  const changes = Effect.fnUntraced(function*({ ms, place, size }: ToEmulator) {
    const until = place === "nowhere" ? -Infinity : performance.now() + ms
    const channel = `group ${size}`
    const staying = place === "here" ? size : size - 1
    let count = 0
    if (place === "nowhere") yield* Effect.sleep(ms)
    while (performance.now() < until) {
      const visitor = yield* changing(channel, discord.join({ user: `${channel} visitor`, channel }))
      yield* Effect.sleep(pauseMs)
      yield* staying > 1 ? changing(channel, visitor.leave) : visitor.leave
      yield* Effect.sleep(pauseMs)
      count += 2
    }
    say({ _tag: "Changed", changes: count })
  }, Effect.scoped)

  const context = yield* Effect.context()
  process.on("message", (message) => {
    // the bench says what `ToEmulator` says
    Effect.runForkWith(context)(Effect.orDie(changes(message as ToEmulator)))
  })

  const { token } = yield* discord.user("bot")
  const place = Effect.fnUntraced(function*(guild: string, channel: string) {
    return { guild: yield* discord.guild(guild), channel: yield* discord.channel(channel) }
  })
  const plain = yield* Effect.forEach(numbers, (i) => place(`plain ${i}`, `plain ${i}`))
  const groups = yield* Effect.forEach(
    sizes,
    (size) => Effect.map(place(`group ${size}`, `group ${size}`), (where) => ({ size, ...where }))
  )
  say({ _tag: "Listening", gateway: discord.urls.gateway, token: Redacted.value(token), plain, groups })
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program).pipe(Effect.provide(Emulator.layer({ world }))))
