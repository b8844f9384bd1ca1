/**
 * Finds out what keeps the bot out of a channel. The gateway answers a request that it does not grant with silence (Discord
 * docs, Gateway Events, Update Voice State), so the REST API is asked instead.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as Lenient from "../protocol/internal/lenient.ts"
import type { Obstacle } from "../VoiceError.ts"
import * as Permissions from "./Permissions.ts"
import type * as Rest from "./Rest.ts"

const Bits = Schema.BigIntFromString

const Channel = Schema.Struct({
  type: Schema.Int,
  guild_id: Schema.optionalKey(Schema.String),
  user_limit: Lenient.orAbsent(Schema.Int),
  permission_overwrites: Lenient.orAbsent(
    Schema.Array(Schema.Struct({ id: Schema.String, allow: Bits, deny: Bits }))
  )
})

const Guild = Schema.Struct({
  owner_id: Lenient.orAbsent(Schema.String),
  roles: Schema.Array(Schema.Struct({ id: Schema.String, permissions: Bits }))
})

const Member = Schema.Struct({
  roles: Schema.Array(Schema.String),
  communication_disabled_until: Lenient.orAbsent(Schema.NullOr(Schema.String))
})

const voiceChannel = 2
const stageChannel = 13

/** Reads a body. If it is incomplete, or in an unknown form, it is not taken for an obstacle. */
const read = <A>(decode: (body: unknown) => Result.Result<A, Schema.SchemaError>) => (answer: Rest.Answer) =>
  answer.status === 200 ? Result.getOrUndefined(decode(answer.body)) : undefined

const readChannel = read(Schema.decodeUnknownResult(Channel))
const readGuild = read(Schema.decodeUnknownResult(Guild))
const readMember = read(Schema.decodeUnknownResult(Member))

const isRefused = ({ status }: Rest.Answer) => status === 403 || status === 404

/**
 * Asks for the channel, the guild and the bot's membership, in this order, as far as needed. `undefined`: no obstacle was
 * found. Fails with what prevented the requests.
 *
 * @category constructors
 * @since 0.1.0
 */
export const obstacle = Effect.fnUntraced(function*(options: {
  readonly get: (path: string) => Effect.Effect<Rest.Answer, string>
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly userId: UserId
  /** How many others are in the channel. */
  readonly occupants: number
}): Effect.fn.Return<Obstacle | undefined, string> {
  const { channelId, get, guildId, occupants, userId } = options
  const channelAnswer = yield* get(`/channels/${channelId}`)
  const guildAnswer = yield* get(`/guilds/${guildId}`)
  if (isRefused(guildAnswer)) return "NotMember"
  if (isRefused(channelAnswer)) return channelAnswer.status === 404 ? "UnknownChannel" : "ViewChannel"
  const channel = readChannel(channelAnswer)
  if (channel === undefined) return undefined
  if (channel.guild_id !== undefined && channel.guild_id !== guildId) return "UnknownChannel"
  if (channel.type !== voiceChannel && channel.type !== stageChannel) return "NotVoice"

  const guild = readGuild(guildAnswer)
  const member = readMember(yield* get(`/guilds/${guildId}/members/${userId}`))
  if (guild === undefined || member === undefined) return undefined
  const permissions = Permissions.inChannel({
    guildId,
    ownerId: guild.owner_id,
    roles: guild.roles,
    userId,
    memberRoles: member.roles,
    overwrites: channel.permission_overwrites ?? []
  })
  const may = (permission: bigint) => (permissions & permission) === permission
  if (!may(Permissions.Permission.ViewChannel)) return "ViewChannel"
  if (!may(Permissions.Permission.Connect)) return "Connect"

  const until = Option.flatMap(Option.fromNullishOr(member.communication_disabled_until), DateTime.make)
  if (!may(Permissions.Permission.Administrator) && Option.isSome(until)) {
    if (DateTime.isGreaterThan(until.value, yield* DateTime.now)) return "TimedOut"
  }
  const limit = channel.user_limit ?? 0
  return limit > 0 && occupants >= limit && !may(Permissions.Permission.MoveMembers) ? "Full" : undefined
})
