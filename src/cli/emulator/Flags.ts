/**
 * The flags of the command `emulator`.
 *
 * @since 0.1.0
 */
import { Flag } from "effect/cli"
import * as Schema from "effect/Schema"
import { Snowflake } from "../../protocol/Identifier.ts"

/** A Discord id, or a sentence that explains what an id is. */
const id = (name: string) =>
  Flag.String(name).pipe(Flag.filter(Schema.is(Snowflake), () => "a Discord id, 1 to 20 digits"))

/** A duration, or a sentence that explains which are possible. */
const milliseconds = (name: string) =>
  Flag.Finite(name).pipe(
    Flag.filter((ms) => ms >= 0 && ms <= 60_000, () => "a time in milliseconds, 0 to 60000"),
    Flag.withDefault(0)
  )

/**
 * All flags.
 *
 * @category constants
 * @since 0.1.0
 */
export const flags = {
  port: Flag.Int("port").pipe(
    Flag.filter((port) => port >= 0 && port <= 65_535, () => "a port, 0 to 65535"),
    Flag.withDefault(0),
    Flag.withDescription("Port of the main gateway and of REST; 0 picks a free one")
  ),
  tls: Flag.Boolean("tls").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Use wss and https, with a certificate made for this run")
  ),
  cert: Flag.String("cert").pipe(
    Flag.optional,
    Flag.withDescription("With --tls: write the certificate to this file, for example for NODE_EXTRA_CA_CERTS")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription(
      "Print JSON, one object per line: first the addresses, then what happens; read orders from stdin"
    )
  ),
  attached: Flag.Boolean("attached").pipe(
    Flag.withDefault(false),
    Flag.withDescription(
      "With --json: exit when standard input ends, as it does when the parent process is gone"
    )
  ),
  moderator: Flag.Boolean("moderator").pipe(
    Flag.withDefault(false),
    Flag.withDescription(
      "Let the bot move, mute, disconnect and rename others, manage channels and roles, delete and pin messages, and clear reactions"
    )
  ),
  strict: Flag.Boolean("strict").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Exit with 1 if there were protocol violations, and with 0 otherwise")
  ),
  users: Flag.String("user").pipe(
    Flag.filter((name) => name !== "" && name !== "bot", () => "a name, other than \"bot\", which is the bot's own"),
    Flag.atLeast(0),
    Flag.withDescription("Add a guest to the lobby that records what it hears; may be repeated")
  ),
  play: Flag.String("play").pipe(
    Flag.optional,
    Flag.withDescription(
      "Add a guest \"player\" to the lobby that plays this file in a loop: Opus as it is, other formats encoded"
    )
  ),
  profile: Flag.Literals("profile", ["today", "2022"]).pipe(
    Flag.withDefault("today"),
    Flag.withDescription("Which version of Discord to emulate")
  ),
  habits: Flag.KeyValuePair("habit").pipe(
    Flag.withDefault({}),
    Flag.withDescription(
      "Override a field of the profile, such as maxPadding=0 or heartbeatTimeoutCode=1006; may be repeated"
    )
  ),
  token: Flag.Redacted("token").pipe(
    Flag.optional,
    Flag.withDescription("Token of the bot (default: derived from the seed)")
  ),
  guild: id("guild").pipe(
    Flag.optional,
    Flag.withDescription("Id of the guild (default: derived from the seed)")
  ),
  channel: id("channel").pipe(
    Flag.optional,
    Flag.withDescription("Id of the voice channel \"lobby\" (default: derived from the seed)")
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDefault(1),
    Flag.withDescription("The same seed gives the same ids, tokens and keys (default: 1)")
  ),
  latency: milliseconds("latency").pipe(
    Flag.withDescription("One-way delay of messages and datagrams, in milliseconds")
  ),
  jitter: milliseconds("jitter").pipe(
    Flag.withDescription("Maximum random delay added to the latency, in milliseconds")
  ),
  loss: Flag.Finite("loss").pipe(
    Flag.filter((share) => share >= 0 && share <= 1, () => "a share of the datagrams, 0 to 1"),
    Flag.withDefault(0),
    Flag.withDescription("Fraction of datagrams lost in each direction, such as 0.05")
  )
}
