/**
 * The soundboards of guilds over REST, and the files of their sounds (Discord docs, Resources, Soundboard).
 *
 * @since 0.1.0
 */
import * as Soundboards from "../guilds/Soundboards.ts"
import type { SoundRefusal, VoiceEffects } from "../guilds/VoiceEffects.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, ofSnowflake } from "../http/FormProblems.ts"
import { error, missingPermissions, nothing, ok, type RestResponse, wrongKind } from "../http/RestAnswer.ts"
import * as ServedFile from "../http/ServedFile.ts"
import * as SoundObject from "../objects/SoundObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import type { InChannel } from "./ChannelRoutes.ts"
import * as RestRoute from "./RestRoute.ts"
import * as SoundForm from "./SoundForm.ts"

const unknownSound = error(404, 10097, "Unknown sound")
const tooMany = error(400, 30045, `Maximum number of soundboard sounds reached (${Soundboards.most})`)

const refusals: { readonly [refusal in SoundRefusal]: RestResponse } = {
  "wrong-kind": wrongKind,
  "no-permission": missingPermissions,
  "no-external-sounds": missingPermissions,
  "unknown-sound": unknownSound,
  // as observed by clients (discord/discord-api-docs#8242)
  silenced: error(403, 50167, "Cannot send voice effect when user is server muted, deafened, or suppressed"),
  // the same; it is in no list of codes, and its status is unknown (discord/discord-api-docs#7891)
  "not-connected": error(403, 50168, "User must be in voice channel to send voice channel effect")
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  soundboards: Soundboards.Soundboards,
  effects: Pick<VoiceEffects, "sendSound">,
  inChannel: InChannel,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  const mayOf = (guild: World.Guild, me: World.Member) => {
    const mine = Permissions.inGuild(guild, me)
    return {
      create: Permissions.has(mine, "CREATE_GUILD_EXPRESSIONS"),
      manage: Permissions.has(mine, "MANAGE_GUILD_EXPRESSIONS")
    }
  }

  const shown = (guild: World.Guild, me: World.Member) => {
    const may = mayOf(guild, me)
    return may.create || may.manage ? SoundObject.jsonWithUser : SoundObject.json
  }

  const inSound = (
    call: RestRoute.Call,
    f: (sound: World.Sound, guild: World.Guild, me: World.Member) => RestResponse
  ) =>
    inGuild(call, (guild, me) => {
      const sound = guild.sounds.get(call.ids[1] ?? "")
      return sound === undefined ? unknownSound : f(sound, guild, me)
    })

  /** The creator of a sound and everybody who manages sounds may change it. */
  const inOwn: typeof inSound = (call, f) =>
    inSound(call, (sound, guild, me) => {
      const may = mayOf(guild, me)
      const mine = may.create && sound.creator === call.user
      return may.manage || mine ? f(sound, guild, me) : missingPermissions
    })

  const create = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      if (!mayOf(guild, me).create) return missingPermissions
      const looks = SoundForm.create(call.body, world.emojis.get(guild.id))
      if ("status" in looks) return looks
      if (guild.sounds.size >= Soundboards.most) return tooMany
      const sound = soundboards.create(guild, { ...looks, creator: call.user })
      return { status: 201, body: SoundObject.jsonWithUser(sound) }
    })

  const modify = (call: RestRoute.Call) =>
    inOwn(call, (sound, guild) => {
      const looks = SoundForm.change(call.body, world.emojis.get(guild.id))
      if ("status" in looks) return looks
      soundboards.change(guild, sound, looks)
      return ok(SoundObject.jsonWithUser(sound))
    })

  const remove = (call: RestRoute.Call) =>
    inOwn(call, (sound, guild) => {
      soundboards.remove(guild, sound)
      return nothing
    })

  const send = (call: RestRoute.Call) =>
    inChannel(call, (channel) => {
      const { sound_id: sound, source_guild_id: source } = call.body
      const problems = [...ofSnowflake("sound_id", sound, true), ...ofSnowflake("source_guild_id", source)]
      if (problems.length > 0) return invalidForm(...problems)
      const from = { userId: call.user.id, channelId: channel.id }
      const refusal = effects.sendSound(from, { soundId: Body.idOf(sound) ?? "", guildId: Body.idOf(source) })
      return refusal === undefined ? nothing : refusals[refusal]
    })

  const path = "/guilds/:/soundboard-sounds"
  return [
    // py-cord is not ready before it has them
    RestRoute.make("GET", "/soundboard-default-sounds", () => ok(SoundObject.defaults.map(SoundObject.json))),
    RestRoute.make(
      "GET",
      path,
      (call) => inGuild(call, (guild, me) => ok({ items: Array.from(guild.sounds.values(), shown(guild, me)) }))
    ),
    RestRoute.make("POST", path, create),
    RestRoute.make(
      "GET",
      `${path}/:`,
      (call) => inSound(call, (sound, guild, me) => ok(shown(guild, me)(sound)))
    ),
    RestRoute.make("PATCH", `${path}/:`, modify),
    RestRoute.make("DELETE", `${path}/:`, remove),
    RestRoute.make("POST", "/channels/:/send-soundboard-sound", send)
  ]
}

/**
 * Answers requests under `/soundboard-sounds`, where the content delivery network has the files (Sound Files); `undefined` for
 * all others. `range` is the header of that name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const files =
  (world: World.World) => (method: string, path: string, range: string | undefined): RestResponse | undefined => {
    const [, id] = /^\/soundboard-sounds\/([^/]+)$/.exec(path) ?? []
    if (id === undefined) return undefined
    for (const { sounds } of world.guilds.values()) {
      const file = sounds.get(id)?.file
      if (file !== undefined) return ServedFile.answer(file, method, range)
    }
    return ServedFile.answer(undefined, method, range)
  }
