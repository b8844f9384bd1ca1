/**
 * The voice servers of channels: how one is found, what members are told about it, and moves to another one.
 *
 * @since 0.1.0
 */
import type { ChannelId } from "../../../protocol/Identifier.ts"
import type { CoreContext, VoiceServerId } from "../CoreContext.ts"
import * as Random from "../Random.ts"
import type { Scripted } from "../Scripted.ts"
import * as World from "../World.ts"
import type { VoiceConnections } from "./VoiceConnections.ts"
import type { Half, VoiceEvents } from "./VoiceEvents.ts"
import type { VoiceGrants } from "./VoiceGrants.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly context: CoreContext
  readonly world: World.World
  readonly events: VoiceEvents
  readonly grants: VoiceGrants
  readonly connections: VoiceConnections
  /** The scripted participant that owns a state, if it is one. */
  readonly scripted: (state: World.VoiceState) => Scripted | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceServers {
  /**
   * Assigns a member who enters a channel to its voice server, and returns the token and the endpoint to send, with `null`
   * while a server is being found. A scripted member is attached, and told nothing.
   */
  readonly assign: (
    state: World.VoiceState,
    channel: World.Channel
  ) => { readonly token: string; readonly endpoint: string | null } | undefined
  /** Tells that a member has left a channel: if it is empty its call is over, and its voice server is released. */
  readonly vacated: (channel: World.Channel) => void
  /**
   * Moves everyone in a channel to another voice server: closes the voice connections and sends VOICE_SERVER_UPDATE,
   * immediately, or first with `endpoint: null` and after `delayMs` with the new one (never, if that is infinite). With `only`,
   * just one half of it.
   */
  readonly move: (channel: World.Channel, options: {
    readonly server: VoiceServerId
    readonly nullEndpointFirst: boolean
    readonly delayMs: number
    readonly code: number
    readonly only?: Half | undefined
  }) => void
  /** Whether a voice server is being found for a channel. */
  readonly isSearching: (channelId: ChannelId) => boolean
}

/** A search for the voice server of a channel. */
interface Search {
  readonly cancel: () => void
  /** Whether it ends only when somebody names a server. */
  readonly isEndless: boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): VoiceServers => {
  const { connections, context, events, grants, scripted, world } = options
  const { profile, random } = context
  // The channels whose voice server is being found.
  const pending = new Map<ChannelId, Search>()

  const allocated = (channel: World.Channel, server: World.VoiceServer, tell = true) => {
    channel.server = server.id
    for (const state of World.occupants(world, channel)) {
      const member = scripted(state)
      if (member !== undefined) member.attach(channel.id, server.id)
      else {
        const { token } = grants.issue(state, channel, server)
        if (tell) events.server(state, token, server.endpoint)
        // A client that was closed without being told anything can ask.
        else state.disconnected = true
      }
    }
  }

  const callOff = (channel: World.Channel) => {
    pending.get(channel.id)?.cancel()
    pending.delete(channel.id)
  }

  const search = (
    channel: World.Channel,
    delayMs: number,
    server: World.VoiceServer,
    tell = true
  ) => {
    callOff(channel)
    if (delayMs === Number.POSITIVE_INFINITY) {
      pending.set(channel.id, { cancel: () => {}, isEndless: true })
      return
    }
    const cancel = context.timers.at(context.now() + delayMs, () => {
      pending.delete(channel.id)
      allocated(channel, server, tell)
    })
    pending.set(channel.id, { cancel, isEndless: false })
  }

  const serverOf = (channel: World.Channel): World.VoiceServer | undefined => {
    if (pending.has(channel.id)) return undefined
    const server = World.serverFor(world, channel)
    if (server === undefined) {
      context.count("channel-without-voice-server")
      return undefined
    }
    if (channel.server === undefined && profile.allocationMs > 0) {
      search(channel, profile.allocationMs, server)
      return undefined
    }
    channel.server = server.id
    return server
  }

  return {
    assign: (state, channel) => {
      const server = serverOf(channel)
      const member = scripted(state)
      if (member !== undefined) {
        if (server === undefined) member.detach()
        else member.attach(channel.id, server.id)
        return undefined
      }
      const token = server === undefined ? Random.hex(random, 8) : grants.issue(state, channel, server).token
      return { token, endpoint: server?.endpoint ?? null }
    },
    vacated: (channel) => {
      if (World.occupants(world, channel).length > 0) return
      channel.server = undefined
      // if no server is available, neither is one for those who come back
      if (pending.get(channel.id)?.isEndless !== true) callOff(channel)
    },
    move: (channel, { code, delayMs, nullEndpointFirst, only, server }) => {
      const target = world.servers.get(server)
      if (target === undefined) return
      const states = World.occupants(world, channel)
      callOff(channel)
      if (states.length === 0) {
        channel.server = nullEndpointFirst ? undefined : server
        if (nullEndpointFirst) search(channel, delayMs, target)
        return
      }
      const clients = states.filter((state) => scripted(state) === undefined)
      const revocations = clients.map(connections.revocation)
      for (const state of clients) grants.withdraw(state)
      events.around(
        () => {
          if (only === "event") return
          for (const revoke of revocations) revoke(code, "Call terminated.", false)
        },
        () => {
          if (!nullEndpointFirst) return allocated(channel, target, only !== "close")
          channel.server = undefined
          for (const state of states) {
            const member = scripted(state)
            if (member !== undefined) member.detach()
            else {
              const token = Random.hex(random, 8)
              if (only !== "close") events.server(state, token, null)
            }
          }
          search(channel, delayMs, target, only !== "close")
        }
      )
    },
    isSearching: (channelId) => pending.has(channelId)
  }
}
