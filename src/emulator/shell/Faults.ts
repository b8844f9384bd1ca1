/**
 * The faults that act on a client while it runs, by name.
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
 * Where a fault acts.
 *
 * @category models
 * @since 0.1.0
 */
export interface InGuild {
  /** The name or id of a guild. Default: wherever the user is in voice. */
  readonly guild?: string | undefined
}

/**
 * Who acts, as recorded in the guild's audit log.
 *
 * @category models
 * @since 0.1.0
 */
export interface By {
  /** The name or id of a user, whatever their permissions. Default: the owner of the guild. */
  readonly by?: string | undefined
}

/**
 * What moderators, servers and networks can do to a client. A fault that acts on a user immediately fails with the reason
 * `NothingToDo` if there is nothing to act on. Lasting faults end with the scope. Unknown names fail with `UnknownName`,
 * invalid numbers with `InvalidOption`.
 *
 * If a bot is in several guilds, faults of its voice act in all of them unless the option `guild` names one.
 *
 * Faults are never held against the client: what a fault has held back, changed or repeated is not judged.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults extends LastingFaults.LastingFaults {
  /** Closes the voice WebSocket of a user with a code. Some codes leave the session resumable. */
  readonly closeVoice: (
    user: string,
    code: number,
    reason?: string,
    options?: InGuild
  ) => Effect.Effect<void, EmulatorError>
  /** Cuts the voice WebSocket of a user without a close frame. */
  readonly terminateVoice: (user: string, options?: InGuild) => Effect.Effect<void, EmulatorError>
  /** Closes the main gateway connection of a user with a code. 4004, 4007 and 4009 also end its session. */
  readonly closeGateway: (user: string, code: number, reason?: string) => Effect.Effect<void, EmulatorError>
  /** Cuts the main gateway connection of a user without a close frame. */
  readonly terminateGateway: (user: string) => Effect.Effect<void, EmulatorError>

  /** Asks a user for an immediate heartbeat: op 3 of the voice gateway, op 1 of the main gateway. */
  readonly requestHeartbeat: (user: string, on: "voice" | "gateway") => Effect.Effect<void, EmulatorError>

  /**
   * Changes the source address of a user's datagrams, as if a router had restarted. Datagrams to the former address are lost.
   * The voice server does not follow: it sends to the address from Select Protocol (op 1), until the client sends that again
   * with the result of a new IP discovery.
   */
  readonly changeNat: (user: string) => Effect.Effect<void, EmulatorError>
  /** Makes the voice server send to where a user's datagrams come from now. Does nothing if the address was not changed. */
  readonly healNat: (user: string) => Effect.Effect<void, EmulatorError>

  /**
   * Disconnects a user from voice as a moderator would: a voice state without channel, and close code 4014. With `only` "close"
   * the main gateway reports nothing; with "event" the voice connection stays open.
   */
  readonly kick: (
    user: string,
    options?: InGuild & By & { readonly only?: "close" | "event" | undefined }
  ) => Effect.Effect<void, EmulatorError>
  /** Moves a user to another channel of the guild, as a moderator would. */
  readonly moveUser: (user: string, channel: string, options?: By) => Effect.Effect<void, EmulatorError>
  /**
   * Removes a member from a guild, or from all of its guilds: the member leaves voice (close code 4014) and gets GUILD_DELETE,
   * after which nothing of the guild arrives any more.
   */
  readonly removeFromGuild: (user: string, options?: InGuild & By) => Effect.Effect<void, EmulatorError>
  /** Adds a removed user to a guild again: GUILD_CREATE. */
  readonly addToGuild: (user: string, options?: InGuild) => Effect.Effect<void, EmulatorError>
  /**
   * Changes the nickname of a member, in one guild or in all of its guilds: GUILD_MEMBER_UPDATE, which clients get for other
   * members only with the privileged intent for members. `null` removes the nickname. Voice states contain it from then on.
   */
  readonly setNick: (user: string, nick: string | null, options?: InGuild & By) => Effect.Effect<void, EmulatorError>
  /**
   * Replaces the roles of a user, by name or id, in one guild or in all guilds that have them: GUILD_MEMBER_UPDATE, and its
   * permissions change accordingly. "moderators" is the role of a `moderator`.
   */
  readonly setRoles: (
    user: string,
    roles: ReadonlyArray<string>,
    options?: InGuild & By
  ) => Effect.Effect<void, EmulatorError>
  /**
   * Puts a member into a time-out of at most four weeks, in one guild or in all of its guilds; `null` ends it. The member can
   * only read, leaves voice (close code 4014), and is not let in before the time-out is over. Sends GUILD_MEMBER_UPDATE;
   * nothing is sent when it expires.
   */
  readonly timeOut: (
    user: string,
    duration: Duration.Input | null,
    options?: InGuild & By
  ) => Effect.Effect<void, EmulatorError>
  /**
   * Makes a guild unavailable until the scope closes: GUILD_DELETE with `unavailable`, and GUILD_CREATE afterwards. In between,
   * nothing of the guild arrives and op 4 is not answered; voice connections stay. Default: "guild".
   */
  readonly guildOutage: (guild?: string) => Effect.Effect<void, EmulatorError, Scope.Scope>
  /** Deletes a channel. Its name can be used again. */
  readonly deleteChannel: (channel: string) => Effect.Effect<void, EmulatorError>
  /** Admits nobody any more, whatever the limit: a request (op 4) gets no answer at all. `false` admits members again. */
  readonly fillChannel: (channel: string, full?: boolean) => Effect.Effect<void, EmulatorError>
  /** Takes the voice server of a channel away (close code 4022, `endpoint: null`), until `moveServer` gives it one. */
  readonly parkChannel: (channel: string) => Effect.Effect<void, EmulatorError>
  /**
   * Moves a channel to another voice server: that of the given region, or the next one. Voice connections are closed with
   * `code`, by default 4022. With `nullEndpointFirst` clients learn of the new server `delayMs` (1000) later. With `only`
   * "close" they do not learn of it; with "event" their voice connections stay open.
   */
  readonly moveServer: (channel: string, options?: {
    readonly region?: string | undefined
    readonly nullEndpointFirst?: boolean | undefined
    readonly delayMs?: number | undefined
    readonly code?: number | undefined
    readonly only?: "close" | "event" | undefined
  }) => Effect.Effect<void, EmulatorError>
  /** Mutes or deafens a user in the whole guild. */
  readonly muteUser: (
    user: string,
    flags: InGuild & By & { readonly mute?: boolean | undefined; readonly deaf?: boolean | undefined }
  ) => Effect.Effect<void, EmulatorError>
  /** On a stage: moves a user to the audience (true) or to the speakers (false). */
  readonly suppressUser: (user: string, suppress: boolean, options?: InGuild) => Effect.Effect<void, EmulatorError>
  /**
   * Denies a user to connect to a channel, to see it, to speak in it or to write in it. If all are false, it is allowed again.
   */
  readonly deny: (user: string, channel: string, what: {
    readonly connect?: boolean | undefined
    readonly view?: boolean | undefined
    readonly speak?: boolean | undefined
    readonly send?: boolean | undefined
  }) => Effect.Effect<void, EmulatorError>

  /** Sends Reconnect (op 7): the client should resume its main gateway session. */
  readonly reconnectGateway: (user: string) => Effect.Effect<void, EmulatorError>
  /** Sends Invalid Session (op 9, true): the client should resume its main gateway session, on the same connection or another. */
  readonly suspendGatewaySession: (user: string) => Effect.Effect<void, EmulatorError>
  /** Drops the main gateway session of a user: Invalid Session (op 9, false), and voice is closed with 4014. */
  readonly dropGatewaySession: (user: string) => Effect.Effect<void, EmulatorError>

  /** Sends another session description (op 4) with a new key. Packets sealed with the former key are still accepted for 5 s. */
  readonly rekeyVoice: (user: string) => Effect.Effect<void, EmulatorError>
  /**
   * Makes every Resume of the user's voice session end with 4006, as if more had been missed than the server keeps. Requires
   * version 8: earlier versions never replay what was missed.
   */
  readonly overrunReplay: (user: string) => Effect.Effect<void, EmulatorError>
  /** Cuts the voice WebSocket of a user, if there is one, and ends the session as if the time to resume were over. */
  readonly expireVoice: (user: string) => Effect.Effect<void, EmulatorError>
  /** Sets the number (`seq`) of the first numbered message, 0 to 65535, in the voice sessions that a user begins from now on. */
  readonly startSequence: (user: string, first: number) => Effect.Effect<void, EmulatorError>
}

const notInVoice = "the user is not in a voice channel"

const noVoice = "the channel no longer exists, or is not a voice channel"
const notConnectedToVoice = "the user has no connection to a voice gateway"
const notConnected = "the user has no connection to the main gateway"

/**
 * Makes the faults of a shell. When one of them returns, its first effects have happened.
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
  /** The user in whose name audit logs record an action. */
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
    changeNat: (user) =>
      actOnUser("changeNat", user, "the user's address is not known", (core, id) => core.changeNat(id)),
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
      actOnUser("rekeyVoice", user, "the user has no voice connection with a key", (core, id) => core.rekeyVoice(id)),
    overrunReplay: (user) =>
      actOnUser(
        "overrunReplay",
        user,
        "the user has no voice session of version 8 or later",
        (core, id) => core.overrunReplay(id)
      ),
    expireVoice: (user) =>
      actOnUser("expireVoice", user, "the user has no voice session", (core, id) => core.expireVoice(id)),
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
          actInGuild("moveUser", user, { by }, `${notInVoice}, or "${channel}" is not a voice channel`, (core, id) =>
            core.moveUser(id, to.id))
      ),
    removeFromGuild: (user, options = {}) =>
      actInGuild(
        "removeFromGuild",
        user,
        options,
        "the user is not a member of the guild",
        (core, id, guildId) => core.removeFromGuild(id, guildId)
      ),
    addToGuild: (user, options = {}) =>
      actInGuild(
        "addToGuild",
        user,
        options,
        "the user is already a member",
        (core, id, guildId) => core.addToGuild(id, guildId)
      ),
    setNick: (user, nick, options = {}) =>
      actInGuild(
        "setNick",
        user,
        options,
        "the user is not a member of the guild",
        (core, id, guildId) => core.setNick(id, nick ?? undefined, guildId)
      ),
    setRoles: (user, roles, options = {}) =>
      actInGuild(
        "setRoles",
        user,
        options,
        "the user is not a member of the guild, or the role does not exist",
        (core, id, guildId) => core.setRoles(id, roles, guildId)
      ),
    timeOut: (user, duration, options = {}) =>
      actInGuild(
        "timeOut",
        user,
        options,
        "the user is not a member of the guild",
        (core, id, guildId) => core.timeOut(id, duration === null ? undefined : Duration.toMillis(duration), guildId)
      ),
    guildOutage: (guild = "guild") =>
      Effect.flatMap(guilds.find(guild), ({ id }) =>
        Effect.acquireRelease(
          act("guildOutage", guild, "the guild is already unavailable", (core) => core.setAvailable(id, false)),
          () => Effect.sync(() => driver.run((core) => core.setAvailable(id, true)))
        )),
    deleteChannel: (channel) =>
      Effect.flatMap(channels.find(channel), ({ id }) => {
        channels.remove(channel)
        return act("deleteChannel", channel, "the channel no longer exists", (core) => core.deleteChannel(id))
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
        "the user is not in a stage",
        (core, id, guildId) => core.suppressUser(id, suppress, guildId)
      ),
    deny: (user, channel, what) =>
      Effect.flatMap(
        channels.find(channel),
        (to) =>
          actOnUser(
            "deny",
            user,
            "the channel no longer exists, or is a thread, which has the permissions of its channel",
            (core, userId) => core.deny({ userId, channelId: to.id, ...what })
          )
      )
  }
}
