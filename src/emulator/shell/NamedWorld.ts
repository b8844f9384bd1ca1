/**
 * The world by names: its initial content, what is created later, and who joins.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import type { Misbehaviour } from "../core/dave/Misbehaviour.ts"
import * as Permissions from "../core/Permissions.ts"
import type * as Scripted from "../core/Scripted.ts"
import type { AudioOptions } from "../core/voice/VoiceHalf.ts"
import { type EmulatorError, InvalidOption, make as makeError, NotJoinable } from "./EmulatorError.ts"
import * as Names from "./Names.ts"
import * as Participant from "./Participant.ts"
import type { Shell } from "./Shell.ts"

/**
 * The options of a channel to create.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelOptions {
  /** The guild's name or id. Default "guild". */
  readonly guild?: string | undefined
  readonly name: string
  /** Default: a new id. */
  readonly id?: string | undefined
  /** In a "text" channel people and bots write, but nobody can join; a "category" contains other channels. Default "voice". */
  readonly kind?: "voice" | "stage" | "text" | "category" | undefined
  /** The name or id of its category. Default: none. */
  readonly category?: string | undefined
  /**
   * Whether end-to-end encryption is required, so that clients without it are closed with 4017, or only allowed. Default: what
   * the profile says, which is "required" for today's. A stage never has it, and a text channel has no voice.
   */
  readonly e2ee?: "required" | "optional" | undefined
  /** The maximum number of members; 0 means no limit. Default 0. */
  readonly userLimit?: number | undefined
  /** Bits per second. Default 64000. */
  readonly bitrate?: number | undefined
}

/**
 * The options of a role to create.
 *
 * @category models
 * @since 0.1.0
 */
export interface RoleOptions {
  readonly name: string
  /** The guild's name or id. Default "guild". */
  readonly guild?: string | undefined
  /** The additional permissions of its members, by Discord's names: `["MOVE_MEMBERS"]`. Default: none. */
  readonly permissions?: ReadonlyArray<Permissions.Name> | undefined
}

/**
 * A sound to add to the soundboard of a guild.
 *
 * @category models
 * @since 0.1.0
 */
export interface SoundboardOptions {
  /** 2 to 32 characters. Names do not have to be unique. */
  readonly name: string
  /** The guild's name or id. Default "guild". */
  readonly guild?: string | undefined
  /** MP3 or Ogg, at most 512 KiB and 5.2 seconds. Default: none, so there is no file to fetch. */
  readonly data?: Uint8Array | undefined
  /** From 0 to 1. Default 1. */
  readonly volume?: number | undefined
  /** The emoji itself, or `name:id` for an emoji of the guild. Default: none. */
  readonly emoji?: string | undefined
}

/**
 * The options of a user to create.
 *
 * @category models
 * @since 0.1.0
 */
export interface UserOptions {
  readonly name: string
  /** Default: a new id. */
  readonly id?: string | undefined
  /** Default false. */
  readonly bot?: boolean | undefined
  /** The token for Identify. It must not be empty or belong to another user. Default: a new token. */
  readonly token?: string | undefined
  /**
   * Whether the user may moderate: move, mute, disconnect, kick and ban others, give them nicknames, change the guild,
   * channels, threads and webhooks, delete the messages of others, remove their reactions, pin messages, create channels and
   * roles and set their permissions over REST, and enter full channels. Default false: such requests are answered with 403.
   */
  readonly moderator?: boolean | undefined
  /**
   * Whether the user may request the privileged intents (members, presences, message content), as if they were enabled in the
   * developer portal. Default true. With false, requesting them is answered with close code 4014, and REST hides what others
   * write.
   */
  readonly privilegedIntents?: boolean | undefined
}

/**
 * Additions to the default world. An entry with the name of a default one changes that: `{ guilds: [{ name: "guild", id }] }`
 * gives the default guild another id.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorldOptions {
  readonly guilds?: ReadonlyArray<{ readonly name: string; readonly id?: string | undefined }> | undefined
  readonly channels?: ReadonlyArray<ChannelOptions> | undefined
  readonly users?: ReadonlyArray<UserOptions> | undefined
}

/**
 * A user and the token with which it identifies.
 *
 * @category models
 * @since 0.1.0
 */
export interface User {
  readonly id: UserId
  readonly token: Redacted.Redacted
}

/**
 * Who joins which channel, and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinOptions {
  /** A name or id. */
  readonly user: string
  /** A name or id. */
  readonly channel: string
  /**
   * Whether the participant can encrypt end to end. It is then a full member of the channel's group, if channel and profile
   * have one. A single participant without encryption keeps an "optional" channel unencrypted, and cannot join one that
   * requires encryption. Default true.
   */
  readonly e2ee?: boolean | undefined
  /** Its misbehavior in that group from the start. Default: none. */
  readonly misbehave?: Misbehaviour | undefined
  /** Its RTP: initial sequence number and timestamp, clock deviation, padding. Default: derived from the seed. */
  readonly audio?: AudioOptions | undefined
  /**
   * Whether to replace a participant of the same user that is in voice in the guild, as if the user joined with a second
   * client: that participant is gone. Default false: `join` then fails with `NotJoinable`.
   */
  readonly replace?: boolean | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface NamedWorld {
  readonly guilds: Names.Names<{ readonly id: GuildId }>
  readonly channels: Names.Names<{ readonly id: ChannelId; readonly guild: GuildId }>
  readonly users: Names.Names<User>
  /** Creates a guild. Fails with `NameTaken` or `InvalidOption`, like the other two. */
  readonly createGuild: (
    options: { readonly name: string; readonly id?: string | undefined }
  ) => Effect.Effect<GuildId, EmulatorError>
  readonly createChannel: (options: ChannelOptions) => Effect.Effect<ChannelId, EmulatorError>
  /** Creates a role below all other roles. */
  readonly createRole: (options: RoleOptions) => Effect.Effect<string, EmulatorError>
  /**
   * Adds a sound to the soundboard of a guild, owned by the guild's owner. Fails with `InvalidOption` where Discord would
   * refuse it.
   */
  readonly createSound: (options: SoundboardOptions) => Effect.Effect<string, EmulatorError>
  /** Creates a member of every guild. */
  readonly createUser: (options: UserOptions) => Effect.Effect<User, EmulatorError>
  /** The user with this name or id, or a new one. */
  readonly userOrNew: (options: UserOptions) => Effect.Effect<User, EmulatorError>
  /** Joins with a scripted participant, one of a user in a guild, until the scope closes. An unknown user is created. */
  readonly join: (options: JoinOptions) => Effect.Effect<Participant.Participant, EmulatorError, Scope.Scope>
  /** The voice privacy code of every scripted participant in a channel; `undefined` for one in no encrypted group. */
  readonly privacyCodes: (channel: string) => Effect.Effect<ReadonlyMap<UserId, string | undefined>, EmulatorError>
}

const defaultGuilds: NonNullable<WorldOptions["guilds"]> = [{ name: "guild" }]
const defaultChannels: ReadonlyArray<ChannelOptions> = [
  { name: "lobby" },
  { name: "secure", e2ee: "required" },
  { name: "stage", kind: "stage" }
]
const defaultUsers: ReadonlyArray<UserOptions> = [{ name: "bot", bot: true }]

/** Replaces entries by those of the caller with the same name, property by property. */
const override = <A extends { readonly name: string }>(
  defaults: ReadonlyArray<A>,
  entries: ReadonlyArray<A> = []
): ReadonlyArray<A> => [
  ...defaults.map((entry) => ({ ...entry, ...entries.find(({ name }) => name === entry.name) })),
  ...entries.filter(({ name }) => !defaults.some((entry) => entry.name === name))
]

const refusals: { readonly [reason in Core.JoinRefusal | "already-in-voice"]: string } = {
  "text-channel": "it is a text channel or a category, not a voice channel",
  "not-a-member": "the user is not a member of the guild",
  "no-permission": "the user has no permission to connect there",
  "channel-full": "the channel is full",
  "unknown-user": "the user no longer exists",
  "unknown-channel": "the channel no longer exists",
  "e2ee-required":
    "the channel requires end-to-end encryption, which was turned off for the user: create the channel with e2ee: \"optional\"",
  "logged-in": "a client has logged in as this user, and joins on its own",
  "already-in-voice":
    "a participant of this user is already in voice in this guild. Join with another name, let that participant leave first, or replace it with `replace: true`"
}

/**
 * Fills the world of a shell with the default content and with `world`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  shell: Pick<Shell, "driver" | "settle">,
  world: WorldOptions
): Effect.fn.Return<NamedWorld, EmulatorError> {
  const { driver } = shell
  const guilds = Names.make<{ readonly id: GuildId }>("guild")
  const channels = Names.make<{ readonly id: ChannelId; readonly guild: GuildId }>("channel")
  const users = Names.make<User>("user")
  const tokens = new Set<string>()

  // bots create and delete channels, too; one whose name is taken is known by its id only
  yield* driver.call((core) =>
    core.observe((happening) => {
      if (happening._tag === "ChannelDeleted") channels.remove(happening.channelId)
      if (happening._tag !== "ChannelCreated") return
      const { channelId: id, guildId: guild, name } = happening
      channels.add(channels.get(name) === undefined ? name : id, { id, guild })
    })
  )

  const createGuild: NamedWorld["createGuild"] = Effect.fnUntraced(function*({ id, name }) {
    yield* guilds.claim(name)
    const checked = yield* Names.freshId(GuildId, guilds, id)
    const guild = yield* driver.call((core) => core.createGuild({ name, id: checked }))
    guilds.add(name, { id: guild })
    const owner = yield* driver.call((core) => core.ownerOf(guild))
    if (owner !== undefined && users.get(owner.name) === undefined) {
      users.add(owner.name, { id: owner.id, token: Redacted.make(owner.token) })
      tokens.add(owner.token)
    }
    return guild
  })

  const createChannel: NamedWorld["createChannel"] = Effect.fnUntraced(function*(options) {
    yield* channels.claim(options.name)
    const guild = yield* guilds.find(options.guild ?? "guild")
    const checked = yield* Names.freshId(ChannelId, channels, options.id)
    const parent = options.category === undefined ? undefined : yield* channels.find(options.category)
    const id = yield* driver.call((core) =>
      core.createChannel({ ...options, guildId: guild.id, id: checked, parentId: parent?.id })
    )
    if (id === undefined) return yield* Effect.die(new Error(`The emulator has lost the guild ${guild.id}.`))
    channels.add(options.name, { id, guild: guild.id })
    return id
  })

  const createRole: NamedWorld["createRole"] = Effect.fnUntraced(
    function*({ guild = "guild", name, permissions = [] }) {
      const { id } = yield* guilds.find(guild)
      const role = yield* driver.call((core) =>
        core.createRole(id, { name, permissions: Permissions.of(...permissions) })
      )
      if (role === undefined) return yield* Effect.die(new Error(`The emulator has lost the guild ${id}.`))
      return role.id
    }
  )

  const createSound: NamedWorld["createSound"] = Effect.fnUntraced(function*({ guild = "guild", ...made }) {
    const { id } = yield* guilds.find(guild)
    const sound = yield* driver.call((core) => core.createSound(id, made))
    if (sound === undefined) return yield* Effect.die(new Error(`The emulator has lost the guild ${id}.`))
    if ("problem" in sound) return yield* makeError(new InvalidOption({ option: "sound", detail: sound.problem }))
    return sound.id
  })

  const createUser: NamedWorld["createUser"] = Effect.fnUntraced(function*(options) {
    yield* users.claim(options.name)
    const checked = yield* Names.freshId(UserId, users, options.id)
    // a client that sends no token would be this user, or the owner of the token would lose it
    if (options.token !== undefined && (options.token === "" || tokens.has(options.token))) {
      const detail = options.token === "" ? "it is empty" : "another user already has it"
      return yield* makeError(new InvalidOption({ option: "token", detail }))
    }
    const { id, token } = yield* driver.call((core) =>
      core.createUser({ privilegedIntents: true, ...options, id: checked })
    )
    const user = { id, token: Redacted.make(token) }
    users.add(options.name, user)
    tokens.add(token)
    return user
  })

  const userOrNew = (options: UserOptions) =>
    Effect.suspend(() => {
      const user = users.get(options.name)
      return user === undefined ? createUser(options) : Effect.succeed(user)
    })

  let theBot: UserId | undefined
  /** The last participant of each user in each guild, whether it is still there or not. */
  const participants = new Map<string, Scripted.Participant>()
  const join: NamedWorld["join"] = Effect.fnUntraced(function*(
    { channel: channelName, replace = false, user: name, ...how }
  ) {
    const channel = yield* channels.find(channelName)
    const user = yield* userOrNew({ name })
    if (user.id === theBot) {
      const detail =
        "this user is the bot, for which a client logs in with its token: a participant must be someone else"
      return yield* makeError(new NotJoinable({ user: name, channel: channelName, detail }))
    }
    const key = `${channel.guild} ${user.id}`
    const enter = driver.call((core) => {
      if (!replace && participants.get(key)?.channelId !== undefined) return Result.fail("already-in-voice" as const)
      const joined = core.participants.join({ userId: user.id, channelId: channel.id }, how)
      if (Result.isSuccess(joined)) participants.set(key, joined.success)
      return joined
    }).pipe(
      Effect.flatMap(Effect.fromResult),
      Effect.mapError((refusal) =>
        makeError(new NotJoinable({ user: name, channel: channelName, detail: refusals[refusal] }))
      )
    )
    const participant = yield* Participant.make(
      driver,
      { user: name, guildId: channel.guild },
      enter,
      users.find,
      guilds.find
    )
    yield* shell.settle("first")
    return participant
  })

  const privacyCodes: NamedWorld["privacyCodes"] = Effect.fnUntraced(function*(name) {
    const { id } = yield* channels.find(name)
    const members = yield* driver.call((core) => core.participants.inChannel(id))
    return new Map(members.map((member) => [member.userId, member.membership()?.privacyCode]))
  })

  for (const guild of override(defaultGuilds, world.guilds)) yield* createGuild(guild)
  for (const channel of override(defaultChannels, world.channels)) yield* createChannel(channel)
  for (const user of override(defaultUsers, world.users)) {
    const { id } = yield* createUser(user)
    if (user.name === "bot" && user.bot === true) theBot = id
  }

  return {
    guilds,
    channels,
    users,
    createGuild,
    createChannel,
    createRole,
    createSound,
    createUser,
    userOrNew,
    join,
    privacyCodes
  }
})
