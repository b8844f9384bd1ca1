/**
 * The sessions of stages: they begin with a topic, may change it, and end (Discord docs, Resources, Stage Instance).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import type * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Stages {
  /** STAGE_INSTANCE_CREATE, or STAGE_INSTANCE_UPDATE if there already is a session. Returns its id. */
  readonly setTopic: (channel: World.Channel, topic: string, eventId?: string) => string
  /** STAGE_INSTANCE_DELETE. */
  readonly end: (channel: World.Channel) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  audit: Pick<AuditLog, "write">
): Stages => {
  const say = (channel: World.Channel, event: string) => {
    for (const json of ChannelObject.stageInstance(channel)) {
      gateway.broadcast(channel.guildId, Intents.Guilds, event, json)
    }
  }
  const write = (channel: World.Channel, before: World.Channel["stage"], after: World.Channel["stage"]) =>
    audit.write(channel.guildId, {
      action: before === undefined
        ? "STAGE_INSTANCE_CREATE"
        : after === undefined
        ? "STAGE_INSTANCE_DELETE"
        : "STAGE_INSTANCE_UPDATE",
      targetId: (after ?? before)?.id,
      before: before && { topic: before.topic, privacy_level: ChannelObject.guildOnly },
      after: after && { topic: after.topic, privacy_level: ChannelObject.guildOnly },
      options: { channel_id: channel.id }
    })

  return {
    setTopic: (channel, topic, eventId) => {
      const before = channel.stage
      channel.stage = { id: before?.id ?? world.nextId(), topic, eventId: before?.eventId ?? eventId }
      say(channel, before === undefined ? "STAGE_INSTANCE_CREATE" : "STAGE_INSTANCE_UPDATE")
      write(channel, before, channel.stage)
      return channel.stage.id
    },
    end: (channel) => {
      const before = channel.stage
      say(channel, "STAGE_INSTANCE_DELETE")
      channel.stage = undefined
      if (before !== undefined) write(channel, before, undefined)
    }
  }
}
