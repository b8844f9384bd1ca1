/**
 * What the main gateway sends about voice, and when: VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE, their order and delay, and
 * whether a voice connection is closed before or after them.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { UserId } from "../../../protocol/Identifier.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import type { VoiceState, World } from "../World.ts"

/**
 * One half of what a client sees of a removal or a move of the server: the close of the voice connection, or the events of the
 * main gateway.
 *
 * @category models
 * @since 0.1.0
 */
export type Half = "close" | "event"

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceEvents {
  /** Sends the guild a member's state, current or given, except to the user `except`. */
  readonly state: (state: VoiceState, json?: DiscordObject.Json, except?: UserId) => void
  /** Sends a member its voice server; `null` while there is none. */
  readonly server: (state: VoiceState, token: string, endpoint: string | null) => void
  /** The two events that answer a member who enters a channel. A scripted one gets no server. */
  readonly entered: (
    state: VoiceState,
    server: { readonly token: string; readonly endpoint: string | null } | undefined
  ) => void
  /** Calls `action` when the states that were sent so far have arrived. */
  readonly afterStates: (action: () => void) => void
  /** Does both in the order of the profile. The close waits for delayed events. */
  readonly around: (close: () => void, events: () => void) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  world: World,
  gateway: Pick<GatewayServer, "session" | "dispatch" | "broadcast">
): VoiceEvents => {
  const { profile, random } = context
  const lastDueMs = { state: 0, server: 0 }

  // Events of one kind never overtake each other, whatever the order of the two kinds.
  const later = (kind: "state" | "server", afterMs: number, action: () => void) => {
    const due = Math.max(context.now() + profile.voiceEventDelayMs + afterMs, lastDueMs[kind])
    if (due <= context.now()) return action()
    lastDueMs[kind] = due
    context.timers.at(due, action)
  }

  const stateLater = (afterMs: number, { guildId }: VoiceState, json: DiscordObject.Json, except?: UserId) =>
    later(
      "state",
      afterMs,
      () => gateway.broadcast(guildId, Intents.GuildVoiceStates, "VOICE_STATE_UPDATE", json, except)
    )

  /** Calls `action` when everything that is due by then has been sent. */
  const after = (due: number, action: () => void) => {
    if (due <= context.now()) action()
    else context.timers.at(due, action)
  }

  const sendServer = (state: VoiceState, token: string, endpoint: string | null) => {
    const session = state.owner === undefined ? undefined : gateway.session(state.owner)
    // its token was replaced, or the member has left
    if (session === undefined || (endpoint !== null && state.grant?.token !== token)) return
    if (world.guilds.get(state.guildId)?.available === false) return
    gateway.dispatch(session, "VOICE_SERVER_UPDATE", { token, guild_id: state.guildId, endpoint })
  }

  return {
    state: (state, json = DiscordObject.voiceState(world, state), except) => stateLater(0, state, json, except),
    server: (state, token, endpoint) => later("server", 0, () => sendServer(state, token, endpoint)),
    entered: (state, server) => {
      const order = profile.voiceEventOrder
      const gap = profile.voiceEventGapMs
      const send = () => {
        if (server !== undefined) sendServer(state, server.token, server.endpoint)
      }
      if (order === "server-first" || (order === "random" && random.int(2) === 1)) {
        later("server", 0, send)
        stateLater(gap, state, DiscordObject.voiceState(world, state))
      } else {
        stateLater(0, state, DiscordObject.voiceState(world, state))
        later("server", gap, send)
      }
    },
    afterStates: (action) => after(lastDueMs.state, action),
    around: (close, events) => {
      const order = profile.voiceCloseOrder
      if (order === "close-first" || (order === "random" && random.int(2) === 0)) {
        close()
        return events()
      }
      events()
      after(Math.max(lastDueMs.state, lastDueMs.server), close)
    }
  }
}
