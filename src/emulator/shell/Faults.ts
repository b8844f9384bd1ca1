/**
 * What can be done to a client while it runs: the faults of the public face, by name.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import type { Fault } from "../core/CoreContext.ts"
import { type EmulatorError, make as makeError, NothingToDo } from "./EmulatorError.ts"
import type { Names } from "./Names.ts"
import type { Shell } from "./Shell.ts"

/**
 * What moderators, servers and networks do to a client. Everything happens at once. What finds nothing to act on fails
 * with the reason `NothingToDo`, what does not know a name with `UnknownName`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /**
   * Asks a function about every message and datagram (see `FaultSubject`) until the scope closes. It has to be pure, or at
   * least fast: it runs within the emulator.
   */
  readonly add: (fault: Fault) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Moves a channel to another voice server: the one of the given region, or the next. Voice connections are closed with
   * `code`, 4022 unless given. With `nullEndpointFirst` clients hear of the new server `delayMs` (1000) later.
   */
  readonly moveServer: (channel: string, options?: {
    readonly region?: string | undefined
    readonly nullEndpointFirst?: boolean | undefined
    readonly delayMs?: number | undefined
    readonly code?: number | undefined
  }) => Effect.Effect<void, EmulatorError>
  /** A moderator disconnects a user from voice. */
  readonly kick: (user: string) => Effect.Effect<void, EmulatorError>
  /** A moderator moves a user to another channel of the guild. */
  readonly moveUser: (user: string, channel: string) => Effect.Effect<void, EmulatorError>
  /** Deletes a channel; its name is free afterwards. */
  readonly deleteChannel: (channel: string) => Effect.Effect<void, EmulatorError>
  /** Closes the voice WebSocket of a user with a code. */
  readonly closeVoice: (user: string, code: number, reason?: string) => Effect.Effect<void, EmulatorError>
  /** Cuts the voice WebSocket of a user without a close frame. */
  readonly terminateVoice: (user: string) => Effect.Effect<void, EmulatorError>
  /** Forgets the main gateway session of a user: Invalid Session (op 9), and voice is closed with 4014. */
  readonly dropGatewaySession: (user: string) => Effect.Effect<void, EmulatorError>
  /** Sends Reconnect (op 7): the main gateway session is to be resumed. */
  readonly reconnectGateway: (user: string) => Effect.Effect<void, EmulatorError>
  /** Closes the main gateway connection of a user with a code. */
  readonly closeGateway: (user: string, code: number, reason?: string) => Effect.Effect<void, EmulatorError>
  /** Cuts the main gateway connection of a user without a close frame. */
  readonly terminateGateway: (user: string) => Effect.Effect<void, EmulatorError>
  /** Mutes or deafens a user for the whole guild. */
  readonly muteUser: (
    user: string,
    flags: { readonly mute?: boolean | undefined; readonly deaf?: boolean | undefined }
  ) => Effect.Effect<void, EmulatorError>
  /** In a stage: puts a user into the audience (true) or among the speakers (false). */
  readonly suppressUser: (user: string, suppress: boolean) => Effect.Effect<void, EmulatorError>
  /** Denies a user to connect to a channel or to see it; both false allows again. */
  readonly deny: (user: string, channel: string, what: {
    readonly connect?: boolean | undefined
    readonly view?: boolean | undefined
  }) => Effect.Effect<void, EmulatorError>
}

const notInVoice = "it is not in voice"
const notConnectedToVoice = "it has no connection to a voice gateway"
const notConnected = "it has no connection to the main gateway"

const hasVoiceSession = (core: Core.Core, id: UserId) =>
  core.snapshot().voiceSessions.some(({ state, userId }) =>
    userId === id && (state === "identified" || state === "ready")
  )

/**
 * Makes the faults of a shell. What they do has had its first effects when they return.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (shell: Shell, names: {
  readonly users: Pick<Names<{ readonly id: UserId }>, "find">
  readonly channels: Pick<Names<{ readonly id: ChannelId }>, "find" | "remove">
}): Faults => {
  const { driver } = shell
  const { channels, users } = names

  const act = (action: keyof Faults, target: string, detail: string, f: (core: Core.Core) => boolean) =>
    Effect.flatMap(
      driver.call(f),
      (done) => done ? shell.settle("first") : Effect.fail(makeError(new NothingToDo({ action, target, detail })))
    )
  const actOnUser = (action: keyof Faults, name: string, detail: string, f: (core: Core.Core, id: UserId) => boolean) =>
    Effect.flatMap(users.find(name), ({ id }) => act(action, name, detail, (core) => f(core, id)))

  return {
    add: (fault) =>
      Effect.asVoid(Effect.acquireRelease(
        driver.call((core) => core.addFault(fault)),
        (remove) => Effect.sync(() => driver.run(remove))
      )),
    moveServer: Effect.fnUntraced(function*(channel, { region, ...options } = {}) {
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
        "it is gone",
        (core) => core.moveServer(id, { ...options, server: server?.id })
      )
    }),
    kick: (user) => actOnUser("kick", user, notInVoice, (core, id) => core.kick(id)),
    moveUser: (user, channel) =>
      Effect.flatMap(
        channels.find(channel),
        (to) => actOnUser("moveUser", user, notInVoice, (core, id) => core.moveUser(id, to.id))
      ),
    deleteChannel: (channel) =>
      Effect.flatMap(channels.find(channel), ({ id }) => {
        channels.remove(channel)
        return act("deleteChannel", channel, "it is gone", (core) => core.deleteChannel(id))
      }),
    closeVoice: (user, code, reason = "") =>
      actOnUser("closeVoice", user, notConnectedToVoice, (core, id) => {
        const found = hasVoiceSession(core, id)
        core.closeVoice(id, code, reason)
        return found
      }),
    terminateVoice: (user) =>
      actOnUser("terminateVoice", user, notConnectedToVoice, (core, id) => {
        const found = hasVoiceSession(core, id)
        core.terminateVoice(id)
        return found
      }),
    dropGatewaySession: (user) =>
      actOnUser("dropGatewaySession", user, notConnected, (core, id) => core.dropGatewaySession(id)),
    reconnectGateway: (user) =>
      actOnUser("reconnectGateway", user, notConnected, (core, id) => core.reconnectGateway(id)),
    closeGateway: (user, code, reason = "") =>
      actOnUser("closeGateway", user, notConnected, (core, id) => core.closeGateway(id, code, reason)),
    terminateGateway: (user) =>
      actOnUser("terminateGateway", user, notConnected, (core, id) => core.terminateGateway(id)),
    muteUser: (user, flags) => actOnUser("muteUser", user, notInVoice, (core, id) => core.muteUser(id, flags)),
    suppressUser: (user, suppress) =>
      actOnUser("suppressUser", user, "it is in no stage", (core, id) => core.suppressUser(id, suppress)),
    deny: (user, channel, what) =>
      Effect.flatMap(
        channels.find(channel),
        (to) =>
          actOnUser("deny", user, "the channel is gone", (core, userId) =>
            core.deny({ userId, channelId: to.id, ...what }))
      )
  }
}
