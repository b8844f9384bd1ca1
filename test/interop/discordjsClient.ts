/** An unmodified discord.js client, logged in to the emulator. */
import {
  ChannelType,
  Client,
  DiscordAPIError,
  Events,
  GatewayIntentBits,
  type Partials,
  type TextChannel
} from "discord.js"
import { Effect, Redacted, Schedule } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"

/**
 * A client that is ready; it ends with the scope. `prepare` runs before it logs in, `intents` are added to those that
 * voice needs, and `partials` are what it hears about without having seen it before.
 */
export const client = Effect.fnUntraced(function*(
  prepare: (client: Client) => void = () => {},
  intents: ReadonlyArray<GatewayIntentBits> = [],
  partials: ReadonlyArray<Partials> = []
) {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const made = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates, ...intents],
        partials: [...partials],
        rest: { api: discord.urls.rest.replace(/\/v\d+$/, ""), version: "10" }
      })
    ),
    (one) => Effect.promise(() => one.destroy())
  )
  prepare(made)
  yield* Effect.callback<void>((resume) => {
    made.once(Events.ClientReady, () => resume(Effect.void))
    made.login(Redacted.value(token)).catch((error: unknown) => resume(Effect.die(error)))
  }).pipe(Effect.timeout("60 seconds"))
  return made
})

export const textChannel = (client: Client): TextChannel => {
  const found = client.channels.cache.find((one) => one.type === ChannelType.GuildText)
  if (found === undefined) throw new Error("There is no text channel.")
  return found
}

/** Discord's error code of a refusal, or "taken". */
export const codeOf = (answer: Promise<unknown>) =>
  answer.then(() => "taken", (error: unknown) => error instanceof DiscordAPIError ? error.code : error)

/** Waits until a client has seen something. */
export const seen = <A>(find: () => A | undefined) =>
  Effect.suspend(() => Effect.fromNullishOr(find())).pipe(
    Effect.retry({ schedule: Schedule.spaced("10 millis") }),
    Effect.timeout("30 seconds")
  )

// tests the code that users copy
export { availability, lifecycle, obstacle, occupants } from "../../examples/discordjs-gateway.ts"
