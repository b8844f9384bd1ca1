/** The emulator of the join bench, in a process of its own: says where it is, and ends with the bench. */
import { Effect, Redacted } from "effect"
import { Emulator } from "../../src/emulator/index.ts"
import type { Listening } from "./gateway.ts"

const count = Number(process.argv[2])
process.on("disconnect", () => process.exit(0))

const world = {
  guilds: Array.from({ length: count }, (_, i) => ({ name: `guild ${i}` })),
  channels: Array.from(
    { length: count },
    (_, i) => ({ guild: `guild ${i}`, name: `channel ${i}`, e2ee: "optional" as const })
  )
}

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const guilds = yield* Effect.forEach(world.guilds, ({ name }) => discord.guild(name))
  const channels = yield* Effect.forEach(world.channels, ({ name }) => discord.channel(name))
  const listening: Listening = {
    _tag: "Listening",
    cert: discord.urls.cert ?? "",
    arguments: { gateway: discord.urls.gateway, token: Redacted.value(token), guilds, channels }
  }
  process.send?.(listening)
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program).pipe(Effect.provide(Emulator.layer({ tls: true, world }))))
