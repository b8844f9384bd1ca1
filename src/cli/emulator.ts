/**
 * The command `emulator`: runs the emulator on loopback until it is interrupted, and says where it listens, for a person
 * or, with `--json`, for a program.
 *
 * @since 0.1.0
 */
import { Command, Flag } from "effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Emulator from "../emulator/Emulator.ts"
import { Snowflake } from "../protocol/Identifier.ts"

const port = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })))

const flags = {
  port: Flag.Int("port").pipe(
    Flag.withSchema(port),
    Flag.withDefault(0),
    Flag.withDescription("Port of the main gateway and of REST; 0 takes a free one")
  ),
  tls: Flag.Boolean("tls").pipe(
    Flag.withDefault(false),
    Flag.withDescription("wss and https, with a certificate made for this run")
  ),
  cert: Flag.String("cert").pipe(
    Flag.optional,
    Flag.withDescription("With --tls: write the certificate to this file, for NODE_EXTRA_CA_CERTS and the like")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print one JSON object instead of the summary")
  ),
  profile: Flag.Literals("profile", ["today", "2022"]).pipe(
    Flag.withDefault("today"),
    Flag.withDescription("Which Discord it is")
  ),
  token: Flag.Redacted("token").pipe(Flag.optional, Flag.withDescription("Token of the bot; default a fresh one")),
  guild: Flag.String("guild").pipe(
    Flag.withSchema(Snowflake),
    Flag.optional,
    Flag.withDescription("Id of the guild; default a fresh one")
  ),
  channel: Flag.String("channel").pipe(
    Flag.withSchema(Snowflake),
    Flag.optional,
    Flag.withDescription("Id of the voice channel \"lobby\"; default a fresh one")
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDefault(1),
    Flag.withDescription("The same seed gives the same ids, tokens and keys")
  )
}

const summary = (o: {
  readonly urls: Emulator.Urls
  readonly certFile: string | undefined
  readonly guild: string
  readonly channel: string
  readonly user: string
  readonly token: string
}): string => {
  const lines = [
    "The emulator is running. Press Ctrl+C to end it.",
    "",
    `  gateway  ${o.urls.gateway}`,
    `  rest     ${o.urls.rest}`,
    ...o.urls.voice.map(({ endpoint, region, udp }) =>
      `  voice    ${endpoint}  udp ${udp.address}:${udp.port}  region ${region}`
    ),
    "",
    `  guild    ${o.guild}`,
    `  channel  ${o.channel}`,
    `  bot      ${o.user}`,
    `  token    ${o.token}`
  ]
  if (o.certFile !== undefined) lines.push("", `  cert     ${o.certFile}`)
  else if (o.urls.cert !== undefined) lines.push("", "Certificate to trust:", o.urls.cert.trimEnd())
  return lines.join("\n")
}

/**
 * `emulator [--port N] [--tls] [--cert FILE] [--json] [--profile today|2022] [--token T] [--guild ID] [--channel ID]
 * [--seed N]`. With `--json` the first line on standard output is one object: `gateway`, `rest`, `voice` (a list of
 * `endpoint` and `udp`, the latter as `address:port`), `cert` (PEM or null), `guild`, `channel`, `token` and `user`.
 *
 * @category commands
 * @since 0.1.0
 */
export const emulatorCommand = Command.make(
  "emulator",
  flags,
  Effect.fnUntraced(function*(options) {
    const world: Emulator.WorldOptions = {
      guilds: [{ name: "guild", id: Option.getOrUndefined(options.guild) }],
      channels: [{ name: "lobby", id: Option.getOrUndefined(options.channel) }],
      users: [{
        name: "bot",
        bot: true,
        token: Option.getOrUndefined(Option.map(options.token, Redacted.value))
      }]
    }
    const layer = Emulator.layer({
      profile: options.profile,
      seed: options.seed,
      tls: options.tls,
      ports: { gateway: options.port },
      world
    })
    const main = Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { urls } = discord
      const certFile = Option.getOrUndefined(options.cert)
      if (certFile !== undefined && urls.cert !== undefined) {
        const files = yield* FileSystem.FileSystem
        yield* files.writeFileString(certFile, urls.cert)
      }
      const guild = yield* discord.guild("guild")
      const channel = yield* discord.channel("lobby")
      const bot = yield* discord.user("bot")
      const token = Redacted.value(bot.token)
      yield* Console.log(
        options.json
          ? JSON.stringify({
            gateway: urls.gateway,
            rest: urls.rest,
            voice: urls.voice.map(({ endpoint, udp }) => ({ endpoint, udp: `${udp.address}:${udp.port}` })),
            cert: urls.cert ?? null,
            guild,
            channel,
            token,
            user: bot.id
          })
          : summary({
            urls,
            certFile: urls.cert === undefined ? undefined : certFile,
            guild,
            channel,
            user: bot.id,
            token
          })
      )
      return yield* Effect.never
    })
    return yield* Effect.provide(main, layer)
  })
).pipe(
  Command.withDescription("Run an emulator of Discord voice on this machine"),
  Command.withExamples([
    { command: "effect-discord-voice emulator", description: "Listen at free ports and say where" },
    { command: "effect-discord-voice emulator --port 8080 --json", description: "The same for a program" },
    { command: "effect-discord-voice emulator --tls --cert ca.pem", description: "With TLS" }
  ])
)
