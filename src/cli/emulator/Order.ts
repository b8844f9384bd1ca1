/**
 * The orders that a program can give to the command `emulator` while it runs: one JSON object per line, in which `do` names the
 * order. A field `id` of any type is returned in the answer.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { Misbehaviour } from "../../emulator/core/dave/Misbehaviour.ts"
import * as FaultSchedule from "../../emulator/core/faults/FaultSchedule.ts"
import * as Permissions from "../../emulator/core/Permissions.ts"

const id = Schema.optionalKey(Schema.Unknown)
const user = Schema.String
/** A user whose direct messages with the bot are meant instead of a channel. */
const direct = Schema.optionalKey(Schema.String)
const channel = Schema.String
const guild = Schema.optionalKey(Schema.String)
/** The user who acts, as recorded in audit logs. */
const by = Schema.optionalKey(user)
const file = Schema.String
const reason = Schema.optionalKey(Schema.String)
const code = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1000, maximum: 4999 })))
const flag = Schema.optionalKey(Schema.Boolean)
const count = Schema.optionalKey(Schema.Natural)
const number = Schema.optionalKey(Schema.Finite)
/** The options of a command, by name. */
const values = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))
/** How long a fault lasts, in milliseconds. */
const forMs = count
const half = Schema.optionalKey(Schema.Literals(["close", "event"]))
const connection = Schema.Literals(["voice", "gateway"])
const op = Schema.Union([Schema.Int, Schema.String])
const point = Schema.Literals([
  "gateway-in",
  "gateway-out",
  "voice-in",
  "voice-out",
  "datagram-in",
  "datagram-out",
  "rest"
])

/** What happens to whatever matches a rule. A replacement is a text here. */
const what = Schema.Union([
  Schema.Literals(["drop", "corrupt"]),
  Schema.Struct({ delayMs: Schema.Finite, jitterMs: number }),
  Schema.Struct({ duplicate: Schema.Finite }),
  Schema.Struct({ holdBehind: Schema.Finite, atMostMs: number }),
  Schema.Struct({ replaceWith: Schema.String }),
  Schema.Struct({ status: Schema.Int, retryAfterMs: number }),
  Schema.Struct({ cut: Schema.Literals(["before", "after"]) }),
  Schema.Struct({ close: Schema.Int, reason, at: Schema.optionalKey(Schema.Literals(["before", "after"])) })
])

const between = (minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

/** The RTP of a guest: its first values, the deviation of its clock, and the padding of its packets in turn, in bytes. */
const audio = Schema.Struct({
  sequence: Schema.optionalKey(between(0, 0xffff)),
  timestamp: Schema.optionalKey(between(0, 0xffff_ffff)),
  clockPpm: number,
  padding: Schema.optionalKey(Schema.Array(between(0, 255)))
})

const order = <const Do extends string, const Fields extends Schema.Struct.Fields>(name: Do, fields: Fields) =>
  Schema.Struct({ do: Schema.Literal(name), id, ...fields })

/**
 * All orders.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Order = Schema.Union([
  // guests
  order("join", { user, channel: Schema.optionalKey(channel), e2ee: flag, audio: Schema.optionalKey(audio) }),
  order("leave", { user }),
  order("speak", { user, file, to: Schema.optionalKey(user), timeoutMs: count, loop: flag, silence: flag }),
  order("heard", {
    user,
    from: Schema.optionalKey(user),
    frames: count,
    timeoutMs: count,
    file: Schema.optionalKey(file),
    level: flag
  }),
  order("record", { user, from: Schema.optionalKey(user), file }),
  order("forget", { user }),
  order("e2ee", { user }),
  order("setSelf", { user, mute: flag, deaf: flag, video: flag, streaming: flag }),
  order("sendSound", { user, sound: Schema.String, guild }),
  order("sendEmoji", { user, emoji: Schema.String, animationType: count, animationId: count }),
  order("subscribe", { user, event: Schema.String, interested: flag }),
  order("misbehave", { user, how: Misbehaviour }),
  // commands, buttons and forms
  order("command", {
    name: Schema.String,
    options: Schema.optionalKey(values),
    files: Schema.optionalKey(Schema.Record(Schema.String, file)),
    user: Schema.optionalKey(user),
    bot: Schema.optionalKey(user),
    channel: Schema.optionalKey(channel),
    direct,
    timeoutMs: count
  }),
  order("awaitCommand", {
    name: Schema.String,
    user: Schema.optionalKey(user),
    bot: Schema.optionalKey(user),
    channel: Schema.optionalKey(channel),
    direct,
    timeoutMs: count
  }),
  order("menu", {
    name: Schema.String,
    on: Schema.Union([Schema.Struct({ user }), Schema.Struct({ message: Schema.String })]),
    user: Schema.optionalKey(user),
    bot: Schema.optionalKey(user),
    channel: Schema.optionalKey(channel),
    direct,
    timeoutMs: count
  }),
  order("press", {
    command: Schema.optionalKey(Schema.Int),
    channel: Schema.optionalKey(channel),
    direct,
    customId: Schema.String,
    user: Schema.optionalKey(user),
    values: Schema.optionalKey(Schema.Array(Schema.String)),
    timeoutMs: count
  }),
  order("write", {
    content: Schema.String,
    user: Schema.optionalKey(user),
    channel: Schema.optionalKey(channel),
    direct,
    replyTo: Schema.optionalKey(Schema.String),
    files: Schema.optionalKey(Schema.Array(file))
  }),
  order("react", {
    message: Schema.String,
    emoji: Schema.String,
    user: Schema.optionalKey(user),
    channel: Schema.optionalKey(channel),
    direct,
    takeBack: flag
  }),
  order("messages", {
    channel: Schema.optionalKey(channel),
    direct,
    user: Schema.optionalKey(user),
    after: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    timeoutMs: count
  }),
  order("suggest", {
    name: Schema.String,
    focused: Schema.String,
    options: Schema.optionalKey(values),
    user: Schema.optionalKey(user),
    bot: Schema.optionalKey(user),
    channel: Schema.optionalKey(channel),
    direct
  }),
  order("submit", {
    command: Schema.Int,
    values: Schema.optionalKey(
      Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Boolean, Schema.Array(Schema.String)]))
    ),
    files: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(file))),
    timeoutMs: count
  }),
  order("replies", { command: Schema.Int, text: Schema.optionalKey(Schema.String), timeoutMs: count }),
  // the world
  order("createRole", {
    name: Schema.String,
    guild,
    permissions: Schema.optionalKey(Schema.Array(Schema.Literals(Permissions.names)))
  }),
  order("createSound", {
    name: Schema.String,
    guild,
    file: Schema.optionalKey(file),
    volume: number,
    emoji: Schema.optionalKey(Schema.String)
  }),
  order("createUser", { name: Schema.String, bot: flag, moderator: flag, privilegedIntents: flag }),
  order("createChannel", {
    name: Schema.String,
    guild,
    kind: Schema.optionalKey(Schema.Literals(["voice", "stage", "text", "category"])),
    category: Schema.optionalKey(channel),
    e2ee: Schema.optionalKey(Schema.Literals(["required", "optional"])),
    userLimit: count
  }),
  // faults, with the names that they have in Effect programs
  order("kick", { user, guild, by, only: half }),
  order("removeFromGuild", { user, guild, by }),
  order("addToGuild", { user, guild }),
  order("setNick", { user, guild, by, nick: Schema.NullOr(Schema.String) }),
  order("setRoles", { user, guild, by, roles: Schema.Array(Schema.String) }),
  order("timeOut", { user, guild, by, forMs }),
  order("moveUser", { user, channel, by }),
  order("muteUser", { user, guild, by, mute: flag, deaf: flag }),
  order("suppressUser", { user, guild, suppress: Schema.Boolean }),
  order("deny", { user, channel, connect: flag, view: flag, speak: flag, send: flag }),
  order("moveServer", {
    channel,
    region: Schema.optionalKey(Schema.String),
    nullEndpointFirst: flag,
    delayMs: count,
    code: Schema.optionalKey(code),
    only: half
  }),
  order("parkChannel", { channel }),
  order("fillChannel", { channel, full: flag }),
  order("deleteChannel", { channel }),
  order("closeVoice", { user, guild, code, reason }),
  order("terminateVoice", { user, guild }),
  order("dropGatewaySession", { user }),
  order("reconnectGateway", { user }),
  order("closeGateway", { user, code, reason }),
  order("terminateGateway", { user }),
  order("suspendGatewaySession", { user }),
  order("requestHeartbeat", { user, on: connection }),
  order("changeNat", { user }),
  order("healNat", { user }),
  order("rekeyVoice", { user }),
  order("overrunReplay", { user }),
  order("expireVoice", { user }),
  order("startSequence", { user, first: Schema.Natural }),
  // lasting faults, which are ended by another order
  order("when", {
    point: Schema.Union([point, Schema.Array(point)]),
    user: Schema.optionalKey(user),
    op: Schema.optionalKey(Schema.Union([op, Schema.Array(op)])),
    nth: count,
    from: count,
    to: count,
    rate: number,
    what,
    forMs
  }),
  order("ignoreHeartbeats", { user, on: connection, forMs }),
  order("datagrams", {
    user,
    direction: Schema.optionalKey(Schema.Literals(["in", "out", "both"])),
    loss: number,
    corrupt: number,
    duplicate: number,
    reorder: number,
    delayMs: number,
    jitterMs: number,
    forMs
  }),
  order("silenceDiscovery", { user, from: count, forMs }),
  order("loseServerUpdate", { user, times: count, forMs }),
  order("guildOutage", { guild, forMs }),
  order("delayEvents", { user, delayMs: Schema.Finite, forMs }),
  order("play", { schedule: FaultSchedule.Schedule }),
  order("random", {
    seed: Schema.Int,
    users: Schema.Union([user, Schema.Array(user)]),
    meanIntervalMs: Schema.Finite,
    durationMs: Schema.Finite,
    kinds: Schema.optionalKey(Schema.Array(Schema.Literals([...FaultSchedule.kinds])))
  }),
  order("fault", { fault: Schema.Int }),
  order("endFault", { fault: Schema.Int }),
  // queries
  order("verdicts", {}),
  order("counters", {}),
  order("snapshot", {}),
  order("stop", {})
])

/**
 * @category models
 * @since 0.1.0
 */
export type Order = typeof Order.Type

const decode = Schema.decodeUnknownResult(Order, { onExcessProperty: "error" })

/** All orders with their options. A question mark marks those that can be left out. */
const options: ReadonlyMap<unknown, ReadonlyArray<string>> = new Map(
  Order.members.map(({ fields: { do: name, id: _, ...rest } }) => [
    name.literal,
    Object.entries<Schema.Top>(rest).map(([option, { ast }]) =>
      ast.context?.isOptional === true ? `${option}?` : option
    )
  ])
)

const missing = "is missing"
const excess = "is no option"

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag === "MissingKey") return missing
    return issue._tag === "UnexpectedKey" ? excess : SchemaIssue.defaultLeafHook(issue)
  }
})

/** Describes in one line which options an order has, and what is wrong with the given ones. */
const explain = (name: unknown, issue: SchemaIssue.Issue): string => {
  const { issues } = issuesOf(issue)
  // most alternatives of a rule do not know the options of another
  const telling = issues.filter(({ message }) => message !== excess)
  const problems = (telling.length > 0 ? telling : issues).map(({ message, path = [] }) => {
    const isComplete = message === missing || message === excess
    return `"${path.map(String).join(".")}"${isComplete ? "" : ":"} ${message}`
  })
  const known = options.get(name) ?? []
  const these = known.length === 0 ? "no options" : `the options ${known.join(", ")}`
  return `An order "${name}" has ${these}: ${[...new Set(problems)].join("; ")}.`
}

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/**
 * Parses a line. A failure says what is wrong with it, and has the `id` if that could be read.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (line: string): Result.Result<Order, { readonly id: unknown; readonly message: string }> => {
  const value = parse(line)
  if (typeof value !== "object" || value === null) {
    return Result.fail({
      id: undefined,
      message: "An order is a JSON object on one line, such as {\"do\":\"kick\",\"user\":\"bot\"}."
    })
  }
  const id = "id" in value ? value.id : undefined
  if (!("do" in value) || !options.has(value.do)) {
    return Result.fail({ id, message: `"do" must be one of ${[...options.keys()].join(", ")}.` })
  }
  const name = value.do
  return Result.mapError(decode(value), ({ issue }) => ({ id, message: explain(name, issue) }))
}
