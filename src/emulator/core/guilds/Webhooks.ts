/**
 * Creates, changes and deletes the webhooks of channels, with the events about that (Discord docs, Resources, Webhook).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import { base64 } from "../Random.ts"
import type * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"

/**
 * All changes are sent to sessions with the intent for webhooks: WEBHOOKS_UPDATE, which contains only the channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Webhooks {
  readonly create: (channel: World.Channel, name: string, creator: World.User) => World.Webhook
  readonly change: (webhook: World.Webhook, change: { readonly name?: string; readonly channelId?: ChannelId }) => void
  readonly remove: (webhook: World.Webhook) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  audit: Pick<AuditLog, "write">
): Webhooks => {
  const say = (guildId: GuildId, channelId: ChannelId) =>
    gateway.broadcast(guildId, Intents.GuildWebhooks, "WEBHOOKS_UPDATE", { guild_id: guildId, channel_id: channelId })

  return {
    create: ({ guildId, id: channelId }, name, creator) => {
      const token = base64(world.random, 51)
      const webhook: World.Webhook = { id: world.nextId(), token, guildId, channelId, name, creator }
      world.webhooks.set(webhook.id, webhook)
      say(guildId, channelId)
      audit.write(guildId, { action: "WEBHOOK_CREATE", targetId: webhook.id, after: told(webhook) })
      return webhook
    },
    change: (webhook, { channelId, name }) => {
      const [before, from] = [told(webhook), webhook.channelId]
      webhook.name = name ?? webhook.name
      webhook.channelId = channelId ?? from
      say(webhook.guildId, from)
      if (webhook.channelId !== from) say(webhook.guildId, webhook.channelId)
      audit.write(webhook.guildId, { action: "WEBHOOK_UPDATE", targetId: webhook.id, before, after: told(webhook) })
    },
    remove: (webhook) => {
      world.webhooks.delete(webhook.id)
      say(webhook.guildId, webhook.channelId)
      audit.write(webhook.guildId, { action: "WEBHOOK_DELETE", targetId: webhook.id, before: told(webhook) })
    }
  }
}

/** Discord docs, Webhook Types: all webhooks here are incoming ones. */
const incoming = 1

/** A webhook in the audit log. */
const told = ({ channelId, creator, name }: World.Webhook): DiscordObject.Json => ({
  name,
  type: incoming,
  channel_id: channelId,
  ...(creator.bot ? { application_id: creator.id } : {})
})

/**
 * A webhook in Discord's format. Its creator is left out if only the token is known.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (webhook: World.Webhook, isOpen = true): DiscordObject.Json => ({
  id: webhook.id,
  type: incoming,
  guild_id: webhook.guildId,
  channel_id: webhook.channelId,
  name: webhook.name,
  avatar: null,
  token: webhook.token,
  application_id: webhook.creator.bot ? webhook.creator.id : null,
  ...(isOpen ? { user: DiscordObject.user(webhook.creator) } : {})
})
