/**
 * What can be done to a client while it runs: the faults of the public face, by name.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import { type EmulatorError, make as makeError, NothingToDo } from "./EmulatorError.ts"
import * as FaultOptions from "./FaultOptions.ts"
import * as LastingFaults from "./LastingFaults.ts"
import type { Names } from "./Names.ts"
import type { Shell } from "./Shell.ts"

/**
 * Where something is done.
 *
 * @category models
 * @since 0.1.0
 */
export interface InGuild {
  /** The name or id of a guild. Default: wherever the user is in voice. */
  readonly guild?: string | undefined
}

/**
 * Who does it, which the audit log of the guild says.
 *
 * @category models
 * @since 0.1.0
 */
export interface By {
  /** The name or id of a user, whatever it may do. Default: the owner of the guild. */
  readonly by?: string | undefined
}

/**
 * What moderators, servers and networks do to a client. What is done to a user at once fails with the reason `NothingToDo`
 * if there is nothing to act on. What lasts ends with the scope. Names that are not known fail with `UnknownName`, numbers
 * that make no sense with `InvalidOption`.
 *
 * Where a bot is in several guilds, what is done to its voice is done in all of them, unless the option `guild` names one.
 *
 * Nothing of it is ever held against the client: what a fault has kept back, changed or repeated is not judged.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults extends LastingFaults.LastingFaults {
  /** Closes the voice WebSocket of a user with a code. The session can be resumed if the code is one of those. */
  readonly closeVoice: (
    user: string,
    code: number,
    reason?: string,
    options?: InGuild
  ) => Effect.Effect<void, EmulatorError>
  /** Cuts the voice WebSocket of a user without a close frame. */
  readonly terminateVoice: (user: string, options?: InGuild) => Effect.Effect<void, EmulatorError>
  /** Closes the main gateway connection of a user with a code. After 4004, 4007 and 4009 its session is gone too. */
  readonly closeGateway: (user: string, code: number, reason?: string) => Effect.Effect<void, EmulatorError>
  /** Cuts the main gateway connection of a user without a close frame. */
  readonly terminateGateway: (user: string) => Effect.Effect<void, EmulatorError>

  /** Asks a user for a heartbeat at once: op 3 of the voice gateway, op 1 of the main gateway. */
  readonly requestHeartbeat: (user: string, on: "voice" | "gateway") => Effect.Effect<void, EmulatorError>

  /**
   * From now on the datagrams of a user come from another address, as if a router had restarted, and what goes to the
   * former one is lost. The voice server does not follow: it sends where Select Protocol (op 1) said, until that comes
   * again with what a new IP discovery gives.
   */
  readonly changeNat: (user: string) => Effect.Effect<void, EmulatorError>
  /** Lets the voice server send where a user is seen now. Harmless if its address was not changed. */
  readonly healNat: (user: string) => Effect.Effect<void, EmulatorError>

  /**
   * A moderator disconnects a user from voice: null state and close 4014. With `only` "close" its client hears nothing
   * from the main gateway, with "event" its voice connection stays open.
   */
  readonly kick: (
    user: string,
    options?: InGuild & By & { readonly only?: "close" | "event" | undefined }
  ) => Effect.Effect<void, EmulatorError>
  /** A moderator moves a user to another channel of the guild. */
  readonly moveUser: (user: string, channel: string, options?: By) => Effect.Effect<void, EmulatorError>
  /**
   * Removes a member from a guild, or from all of its guilds: out of voice (close 4014), and GUILD_DELETE, after which nothing of the
   * guild comes any more.
   */
  readonly removeFromGuild: (user: string, options?: InGuild & By) => Effect.Effect<void, EmulatorError>
  /** Invites a user again that was removed from a guild: GUILD_CREATE. */
  readonly addToGuild: (user: string, options?: InGuild) => Effect.Effect<void, EmulatorError>
  /**
   * Gives a member another nickname, in one guild or in all of its guilds: GUILD_MEMBER_UPDATE, which clients get of others with the
   * privileged intent for members only. `null` takes it away. Voice states have it from then on.
   */
  readonly setNick: (user: string, nick: string | null, options?: InGuild & By) => Effect.Effect<void, EmulatorError>
  /**
   * A user has these roles, by name or id, and no others, in one guild or in all that have them: GUILD_MEMBER_UPDATE, and what it may
   * do follows. "moderators" is what a `moderator` has.
   */
  readonly setRoles: (
    user: string,
    roles: ReadonlyArray<string>,
    options?: InGuild & By
  ) => Effect.Effect<void, EmulatorError>
  /**
   * A moderator gives a member a time-out of four weeks at most, in one guild or in all of its guilds; `null` ends one: it may read alone, is out of voice
   * (close 4014), and is let in no more before it is over. GUILD_MEMBER_UPDATE; nothing tells of its end.
   */
  readonly timeOut: (
    user: string,
    duration: Duration.Input | null,
    options?: InGuild & By
  ) => Effect.Effect<void, EmulatorError>
  /**
   * A guild cannot be reached until the scope closes: GUILD_DELETE with `unavailable`, and GUILD_CREATE afterwards. In between nothing
   * of it comes and op 4 is not answered; voice connections stay. Without a name it is the usual guild.
   */
  readonly guildOutage: (guild?: string) => Effect.Effect<void, EmulatorError, Scope.Scope>
  /** Deletes a channel; its name is free afterwards. */
  readonly deleteChannel: (channel: string) => Effect.Effect<void, EmulatorError>
  /** Lets nobody in any more, whatever the limit: a request (op 4) gets no answer at all. `false` lets members in again. */
  readonly fillChannel: (channel: string, full?: boolean) => Effect.Effect<void, EmulatorError>
  /** Takes the voice server away (close 4022, `endpoint: null`), until `moveServer` gives the channel one. */
  readonly parkChannel: (channel: string) => Effect.Effect<void, EmulatorError>
  /**
   * Moves a channel to another voice server: the one of the given region, or the next. Voice connections are closed with
   * `code`, 4022 unless given. With `nullEndpointFirst` clients hear of the new server `delayMs` (1000) later. With `only`
   * "close" they do not hear of it, with "event" their voice connections stay open.
   */
  readonly moveServer: (channel: string, options?: {
    readonly region?: string | undefined
    readonly nullEndpointFirst?: boolean | undefined
    readonly delayMs?: number | undefined
    readonly code?: number | undefined
    readonly only?: "close" | "event" | undefined
  }) => Effect.Effect<void, EmulatorError>
  /** Mutes or deafens a user for the whole guild. */
  readonly muteUser: (
    user: string,
    flags: InGuild & By & { readonly mute?: boolean | undefined; readonly deaf?: boolean | undefined }
  ) => Effect.Effect<void, EmulatorError>
  /** In a stage: puts a user into the audience (true) or among the speakers (false). */
  readonly suppressUser: (user: string, suppress: boolean, options?: InGuild) => Effect.Effect<void, EmulatorError>
  /** Denies a user to connect to a channel, to see it, to speak in it or to write in it; all false allows again. */
  readonly deny: (user: string, channel: string, what: {
    readonly connect?: boolean | undefined
    readonly view?: boolean | undefined
    readonly speak?: boolean | undefined
    readonly send?: boolean | undefined
  }) => Effect.Effect<void, EmulatorError>

  /** Sends Reconnect (op 7): the main gateway session is to be resumed. */
  readonly reconnectGateway: (user: string) => Effect.Effect<void, EmulatorError>
  /** Sends Invalid Session (op 9, true): the main gateway session is to be resumed on the same connection or another. */
  readonly suspendGatewaySession: (user: string) => Effect.Effect<void, EmulatorError>
  /** Forgets the main gateway session of a user: Invalid Session (op 9, false), and voice is closed with 4014. */
  readonly dropGatewaySession: (user: string) => Effect.Effect<void, EmulatorError>

  /** Sends another session description (op 4) with a new key. What was sealed with the former one is opened for 5 s. */
  readonly rekeyVoice: (user: string) => Effect.Effect<void, EmulatorError>
  /**
   * Lets every Resume of the user's voice session end with 4006, as if it had missed more than is kept. Needs version 8:
   * nothing is kept for earlier ones, which are never told what they have missed.
   */
  readonly overrunReplay: (user: string) => Effect.Effect<void, EmulatorError>
  /** Cuts the voice WebSocket of a user, if it is there, and ends the session as if the time to resume were over. */
  readonly expireVoice: (user: string) => Effect.Effect<void, EmulatorError>
  /** The number (`seq`) of the first numbered message, 0 to 65535, in the voice sessions that a user begins from now on. */
  readonly startSequence: (user: string, first: number) => Effect.Effect<void, EmulatorError>
}

const notInVoice = "it is not in voice"

const noVoice = "it is gone, or there is no voice in it"
const notConnectedToVoice = "it has no connection to a voice gateway"
const notConnected = "it has no connection to the main gateway"

/**
 * Makes the faults of a shell. What they do has had its first effects when they return.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (shell: Shell, names: {
  readonly users: Pick<Names<{ readonly id: UserId }>, "find">
  readonly channels: Pick<Names<{ readonly id: ChannelId }>, "find" | "remove">
  readonly guilds: Pick<Names<{ readonly id: GuildId }>, "find">
}): Faults => {
  const { driver } = shell
  const { channels, guilds, users } = names

  const act = (action: keyof Faults, target: string, detail: string, f: (core: Core.Core) => boolean) =>
    Effect.flatMap(
      driver.call(f),
      (done) => done ? shell.settle("first") : Effect.fail(makeError(new NothingToDo({ action, target, detail })))
    )
  const actOnUser = (action: keyof Faults, name: string, detail: string, f: (core: Core.Core, id: UserId) => boolean) =>
    Effect.flatMap(users.find(name), ({ id }) => act(action, name, detail, (core) => f(core, id)))
  /** What somebody does, in whose name it stands in audit logs. */
  const asUser = (by: string | undefined) =>
    by === undefined
      ? Effect.succeed((_: Core.Core, f: () => boolean) => f())
      : Effect.map(users.find(by), ({ id }) => (core: Core.Core, f: () => boolean) => core.as(id, f))
  const actInGuild = (
    action: keyof Faults,
    name: string,
    { by, guild }: InGuild & By,
    detail: string,
    f: (core: Core.Core, id: UserId, guildId: GuildId | undefined) => boolean
  ) =>
    Effect.flatMap(
      Effect.all([guild === undefined ? Effect.undefined : guilds.find(guild), asUser(by)]),
      ([found, as]) => actOnUser(action, name, detail, (core, id) => as(core, () => f(core, id, found?.id)))
    )
  const actOnChannel = (
    action: keyof Faults,
    name: string,
    detail: string,
    f: (core: Core.Core, id: ChannelId) => boolean
  ) => Effect.flatMap(channels.find(name), ({ id }) => act(action, name, detail, (core) => f(core, id)))

  return {
    ...LastingFaults.make(driver, users),
    requestHeartbeat: (user, on) =>
      on === "voice"
        ? actOnUser("requestHeartbeat", user, notConnectedToVoice, (core, id) => core.requestVoiceHeartbeat(id))
        : actOnUser("requestHeartbeat", user, notConnected, (core, id) => core.requestHeartbeat(id)),
    changeNat: (user) => actOnUser("changeNat", user, "no address of it is known", (core, id) => core.changeNat(id)),
    healNat: (user) =>
      Effect.flatMap(
        users.find(user),
        ({ id }) => driver.call((core) => core.healNat(id))
      ),
    fillChannel: (channel, full = true) =>
      actOnChannel("fillChannel", channel, noVoice, (core, id) => core.fillChannel(id, full)),
    parkChannel: (channel) => actOnChannel("parkChannel", channel, noVoice, (core, id) => core.parkChannel(id)),
    suspendGatewaySession: (user) =>
      actOnUser("suspendGatewaySession", user, notConnected, (core, id) => core.suspendGatewaySession(id)),
    rekeyVoice: (user) =>
      actOnUser("rekeyVoice", user, "it has no key on a voice connection", (core, id) => core.rekeyVoice(id)),
    overrunReplay: (user) =>
      actOnUser(
        "overrunReplay",
        user,
        "it has no voice session of version 8 or later",
        (core, id) => core.overrunReplay(id)
      ),
    expireVoice: (user) =>
      actOnUser("expireVoice", user, "it has no voice session", (core, id) => core.expireVoice(id)),
    startSequence: (user, first) =>
      Effect.andThen(
        FaultOptions.check(...FaultOptions.number("first", first, 0, { greatest: 0xffff, whole: true })),
        Effect.flatMap(users.find(user), ({ id }) => driver.call((core) => core.startSequence(id, first)))
      ),
    moveServer: Effect.fnUntraced(function*(channel, { region, ...options } = {}) {
      yield* FaultOptions.check(
        ...FaultOptions.closeFrame("code", options.code),
        ...FaultOptions.number("delayMs", options.delayMs, 0)
      )
      const { id } = yield* channels.find(channel)
      const server = region === undefined ? undefined : shell.voice.find((candidate) => candidate.region === region)
      if (region !== undefined && server === undefined) {
        return yield* makeError(
          new NothingToDo({ action: "moveServer", target: channel, detail: `no voice server has the region ${region}` })
        )
      }
      yield* act(
        "moveServer",
        channel,
        noVoice,
        (core) => core.moveServer(id, { ...options, server: server?.id })
      )
    }),
    kick: (user, options = {}) =>
      actInGuild("kick", user, options, notInVoice, (core, id, guildId) => core.kick(id, guildId, options.only)),
    moveUser: (user, channel, { by } = {}) =>
      Effect.flatMap(
        channels.find(channel),
        (to) =>
          actInGuild("moveUser", user, { by }, `${notInVoice}, or there is no voice in "${channel}"`, (core, id) =>
            core.moveUser(id, to.id))
      ),
    removeFromGuild: (user, options = {}) =>
      actInGuild(
        "removeFromGuild",
        user,
        options,
        "it is no member",
        (core, id, guildId) => core.removeFromGuild(id, guildId)
      ),
    addToGuild: (user, options = {}) =>
      actInGuild(
        "addToGuild",
        user,
        options,
        "it is a member already",
        (core, id, guildId) => core.addToGuild(id, guildId)
      ),
    setNick: (user, nick, options = {}) =>
      actInGuild(
        "setNick",
        user,
        options,
        "it is no member",
        (core, id, guildId) => core.setNick(id, nick ?? undefined, guildId)
      ),
    setRoles: (user, roles, options = {}) =>
      actInGuild(
        "setRoles",
        user,
        options,
        "it is no member, or there is no such role",
        (core, id, guildId) => core.setRoles(id, roles, guildId)
      ),
    timeOut: (user, duration, options = {}) =>
      actInGuild(
        "timeOut",
        user,
        options,
        "it is no member",
        (core, id, guildId) => core.timeOut(id, duration === null ? undefined : Duration.toMillis(duration), guildId)
      ),
    guildOutage: (guild = "guild") =>
      Effect.flatMap(guilds.find(guild), ({ id }) =>
        Effect.acquireRelease(
          act("guildOutage", guild, "it cannot be reached already", (core) => core.setAvailable(id, false)),
          () => Effect.sync(() => driver.run((core) => core.setAvailable(id, true)))
        )),
    deleteChannel: (channel) =>
      Effect.flatMap(channels.find(channel), ({ id }) => {
        channels.remove(channel)
        return act("deleteChannel", channel, "it is gone", (core) => core.deleteChannel(id))
      }),
    closeVoice: (user, code, reason = "", options = {}) =>
      Effect.andThen(
        FaultOptions.check(...FaultOptions.closeFrame("code", code, reason)),
        actInGuild(
          "closeVoice",
          user,
          options,
          notConnectedToVoice,
          (core, id, guildId) => core.closeVoice(id, code, reason, guildId)
        )
      ),
    terminateVoice: (user, options = {}) =>
      actInGuild(
        "terminateVoice",
        user,
        options,
        notConnectedToVoice,
        (core, id, guildId) => core.terminateVoice(id, guildId)
      ),
    dropGatewaySession: (user) =>
      actOnUser("dropGatewaySession", user, notConnected, (core, id) => core.dropGatewaySession(id)),
    reconnectGateway: (user) =>
      actOnUser("reconnectGateway", user, notConnected, (core, id) => core.reconnectGateway(id)),
    closeGateway: (user, code, reason = "") =>
      Effect.andThen(
        FaultOptions.check(...FaultOptions.closeFrame("code", code, reason)),
        actOnUser("closeGateway", user, notConnected, (core, id) => core.closeGateway(id, code, reason))
      ),
    terminateGateway: (user) =>
      actOnUser("terminateGateway", user, notConnected, (core, id) => core.terminateGateway(id)),
    muteUser: (user, { by, guild, ...flags }) =>
      actInGuild("muteUser", user, { by, guild }, notInVoice, (core, id, guildId) => core.muteUser(id, flags, guildId)),
    suppressUser: (user, suppress, options = {}) =>
      actInGuild(
        "suppressUser",
        user,
        options,
        "it is in no stage",
        (core, id, guildId) => core.suppressUser(id, suppress, guildId)
      ),
    deny: (user, channel, what) =>
      Effect.flatMap(
        channels.find(channel),
        (to) =>
          actOnUser("deny", user, "the channel is gone, or a thread, which goes by its channel", (core, userId) =>
            core.deny({ userId, channelId: to.id, ...what }))
      )
  }
}
