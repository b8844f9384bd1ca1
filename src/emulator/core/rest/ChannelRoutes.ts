/**
 * The channels of a guild over REST: bots create, change and delete them, and set permissions in them (Discord docs, Resources,
 * Channel and Guild).
 *
 * @since 0.1.0
 */
import { ChannelId } from "../../../protocol/Identifier.ts"
import type { Actions } from "../Actions.ts"
import * as Admission from "../Admission.ts"
import type { Channels } from "../guilds/Channels.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, ofText } from "../http/FormProblems.ts"
import {
  error,
  missingAccess,
  missingPermissions,
  nothing,
  ok,
  type RestResponse,
  unknownChannel,
  wrongKind
} from "../http/RestAnswer.ts"
import * as Places from "../messages/Places.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as Permissions from "../Permissions.ts"
import type { Profile } from "../Profile.ts"
import * as World from "../World.ts"
import * as ChannelForm from "./ChannelForm.ts"
import type { May } from "./PlaceRoutes.ts"
import * as RestRoute from "./RestRoute.ts"
import type { OfThread } from "./ThreadChange.ts"

/** The maximum number of channels in a guild. */
const most = 500

const tooMany = error(400, 30013, "Maximum number of guild channels reached (500)")
const unknownOverwrite = error(404, 10009, "Unknown Overwrite")

/**
 * Finds a channel that the caller sees, and the caller's permissions in it; or answers with an error.
 *
 * @category models
 * @since 0.1.0
 */
export type InChannel = (call: RestRoute.Call, f: (channel: World.Channel, may: May) => RestResponse) => RestResponse

/**
 * @category constructors
 * @since 0.1.0
 */
export const inChannel = (world: World.World): InChannel => (call, f) => {
  const channel = Array.from(world.channels.values()).find(({ id }) => id === call.ids[0])
  if (channel === undefined || world.guilds.get(channel.guildId)?.members.has(call.user.id) !== true) {
    return unknownChannel
  }
  const may: May = (what) => Admission.may(world, channel, call.user.id, what)
  return may("VIEW_CHANNEL") ? f(channel, may) : missingAccess
}

/**
 * The routes under `/guilds/:/channels` and `/channels/:`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { actions, channels, ofThread, profile, world }: {
    readonly world: World.World
    readonly profile: Profile
    readonly actions: Pick<Actions, "moveServer">
    readonly channels: Channels
    readonly ofThread: OfThread
  },
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse,
  inChannel: InChannel
): ReadonlyArray<RestRoute.Route> => {
  /** The error for a missing permission. A member who may not connect to a voice channel has no access to it at all. */
  const refusalOf = (channel: World.Channel, may: May) =>
    Admission.hasVoice(channel) && !may("CONNECT") ? missingAccess : missingPermissions

  const create = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      const mine = Permissions.inGuild(guild, me)
      if (!Permissions.has(mine, "MANAGE_CHANNELS")) return missingPermissions
      const kind = ChannelForm.kindOf(call.body)
      if (kind === undefined) return invalidForm(ChannelForm.wrongType)
      const change = ChannelForm.read(world, guild, { channel: undefined, kind, mine }, call.body)
      if ("status" in change) return change
      if (guild.channels.size >= most) return tooMany
      const { bitrate = 64_000, name = "", parent, position = guild.channels.size, userLimit = 0 } = change
      const channel = channels.create({
        // Ids from the counter are decimal, as the brand requires.
        id: ChannelId.make(world.nextId()),
        guildId: guild.id,
        name,
        kind,
        e2ee: kind === "voice" ? profile.channelE2ee : "never",
        bitrate,
        userLimit,
        position,
        parentId: parent?.id,
        topic: change.topic ?? undefined,
        region: change.region ?? undefined,
        // without overwrites of its own it has those of its category
        overwrites: new Map(change.overwrites ?? parent?.overwrites)
      })
      return channel === undefined ? unknownChannel : { status: 201, body: ChannelObject.channel(world, channel) }
    })

  const moveTo = (channel: World.Channel, region: string | null) => {
    const before = World.serverFor(world, channel)
    channel.region = region ?? undefined
    const after = World.serverFor(world, { ...channel, server: undefined })
    if (after !== undefined && after.id !== before?.id) actions.moveServer(channel.id, { server: after.id })
  }

  const apply = (channel: World.Channel, change: ChannelForm.Change) =>
    channels.change(channel, () => changeTo(channel, change))

  const changeTo = (channel: World.Channel, change: ChannelForm.Change) => {
    const { overwrites, parent, region, topic } = change
    channel.name = change.name ?? channel.name
    channel.bitrate = change.bitrate ?? channel.bitrate
    channel.userLimit = change.userLimit ?? channel.userLimit
    channel.position = change.position ?? channel.position
    if (topic !== undefined) channel.topic = topic ?? undefined
    if (parent !== undefined) channel.parentId = parent?.id
    if (overwrites !== undefined) {
      channel.overwrites.clear()
      for (const [id, overwrite] of overwrites) channel.overwrites.set(id, overwrite)
    }
    if (region !== undefined) moveTo(channel, region)
  }

  const modify = (call: RestRoute.Call) =>
    inChannel(call, (channel, may) => {
      const guild = world.guilds.get(channel.guildId)
      if (guild === undefined) return unknownChannel
      if (World.isThread(channel)) return ofThread.modify(call, channel, may)
      if (!may("MANAGE_CHANNELS")) return refusalOf(channel, may)
      const mine = Admission.permissions(world, channel, call.user.id)
      const change = ChannelForm.read(world, guild, { channel, kind: channel.kind, mine }, call.body)
      if ("status" in change) return change
      if (change.overwrites !== undefined && !may("MANAGE_ROLES")) return missingPermissions
      apply(channel, change)
      return ok(ChannelObject.channel(world, channel))
    })

  /** Sets the positions of several channels, each of which may also move to another category and take over its permissions. */
  const arrange = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      const mine = Permissions.inGuild(guild, me)
      if (!Permissions.has(mine, "MANAGE_CHANNELS")) return missingPermissions
      const all = Array.from(guild.channels.values())
      const changes: Array<() => void> = []
      for (const one of Body.objectsOf(call.items)) {
        const { id, lock_permissions: isLocked, parent_id, position } = one
        const channel = all.find((channel) => channel.id === Body.idOf(id))
        if (channel === undefined) return unknownChannel
        const body = { position, ...(parent_id === undefined ? {} : { parent_id }) }
        const change = ChannelForm.read(world, guild, { channel, kind: channel.kind, mine }, body)
        if ("status" in change) return change
        const overwrites = isLocked === true ? change.parent?.overwrites : undefined
        changes.push(() => apply(channel, { ...change, ...(overwrites ? { overwrites: new Map(overwrites) } : {}) }))
      }
      for (const change of changes) change()
      return nothing
    })

  const overwrite = (call: RestRoute.Call) =>
    inChannel(call, (channel, may) => {
      if (channel.kind === "thread") return wrongKind
      const guild = world.guilds.get(channel.guildId)
      const id = call.ids[1]
      if (guild === undefined || id === undefined) return unknownChannel
      if (!may("MANAGE_ROLES")) return refusalOf(channel, may)
      const mine = Admission.permissions(world, channel, call.user.id)
      const before = channel.overwrites.get(id)
      const read = ChannelForm.readOverwrite(world, guild, { id, mine, before }, call.body)
      if ("status" in read) return read
      channels.overwrite(channel, id, read)
      return nothing
    })

  const removeOverwrite = (call: RestRoute.Call) =>
    inChannel(call, (channel, may) => {
      const id = call.ids[1]
      if (!may("MANAGE_ROLES")) return refusalOf(channel, may)
      if (id === undefined || !channel.overwrites.has(id)) return unknownOverwrite
      channels.overwrite(channel, id, undefined)
      return nothing
    })

  const setStatus = (call: RestRoute.Call) =>
    inChannel(call, (channel, may) => {
      if (channel.kind !== "voice") return wrongKind
      const isIn = World.voiceState(world, channel.guildId, call.user.id)?.channelId === channel.id
      if (!may("SET_VOICE_CHANNEL_STATUS") || !(isIn || may("MANAGE_CHANNELS"))) return refusalOf(channel, may)
      const { status } = call.body
      const problems = ofText("status", status, { most: 500 })
      if (problems.length > 0) return invalidForm(...problems)
      channels.setStatus(channel, typeof status === "string" && status !== "" ? status : undefined)
      return nothing
    })

  const get = (call: RestRoute.Call) => {
    const direct = Places.directOf(world, call.ids[0], call.user)
    if (direct !== undefined) return ok(ChannelObject.direct(direct, call.user))
    return inChannel(call, (channel) => ok(ChannelObject.channel(world, channel, call.user.id)))
  }

  const remove = (call: RestRoute.Call) => {
    // closing direct messages deletes nothing
    const direct = Places.directOf(world, call.ids[0], call.user)
    if (direct !== undefined) return ok(ChannelObject.direct(direct, call.user))
    return inChannel(call, (channel, may) => {
      if (World.isThread(channel)) return ofThread.remove(channel, may)
      if (!may("MANAGE_CHANNELS")) return refusalOf(channel, may)
      const json = ChannelObject.channel(world, channel)
      channels.remove(channel)
      return ok(json)
    })
  }

  const ofGuild = "/guilds/:/channels"
  return [
    RestRoute.make(
      "GET",
      ofGuild,
      (call) =>
        inGuild(call, (guild) => ok(Array.from(guild.channels.values(), (one) => ChannelObject.channel(world, one))))
    ),
    RestRoute.make("POST", ofGuild, create),
    RestRoute.make("PATCH", ofGuild, arrange, "array"),
    RestRoute.make("GET", "/channels/:", get),
    RestRoute.make("PATCH", "/channels/:", modify),
    RestRoute.make("DELETE", "/channels/:", remove),
    RestRoute.make("PUT", "/channels/:/permissions/:", overwrite),
    RestRoute.make("DELETE", "/channels/:/permissions/:", removeOverwrite),
    RestRoute.make("PUT", "/channels/:/voice-status", setStatus)
  ]
}
