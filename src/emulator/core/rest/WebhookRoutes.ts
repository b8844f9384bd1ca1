/**
 * Webhooks over REST, for members who may manage them (Discord docs, Resources, Webhook).
 *
 * @since 0.1.0
 */
import * as Admission from "../Admission.ts"
import * as Webhooks from "../guilds/Webhooks.ts"
import * as Body from "../http/Body.ts"
import {
  error,
  missingPermissions,
  nothing,
  ok,
  type RestResponse,
  unknownChannel,
  unknownWebhook,
  wrongKind
} from "../http/RestAnswer.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import type { InChannel } from "./ChannelRoutes.ts"
import * as RestRoute from "./RestRoute.ts"
import * as WebhookForm from "./WebhookForm.ts"

/** The maximum number in a channel. */
const most = 15

const tooMany = error(400, 30007, `Maximum number of webhooks reached (${most})`)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  webhooks: Webhooks.Webhooks,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse,
  inChannel: InChannel
): ReadonlyArray<RestRoute.Route> => {
  const all = (isWanted: (webhook: World.Webhook) => boolean) =>
    Array.from(world.webhooks.values()).filter(isWanted).map((one) => Webhooks.json(one))

  const isFull = ({ id }: World.Channel) => all(({ channelId }) => channelId === id).length >= most

  const inManaged = (call: RestRoute.Call, f: (channel: World.Channel) => RestResponse) =>
    inChannel(call, (channel, may) => {
      if (channel.kind === "category" || channel.kind === "thread") return wrongKind
      return may("MANAGE_WEBHOOKS") ? f(channel) : missingPermissions
    })

  const create = (call: RestRoute.Call) =>
    inManaged(call, (channel) => {
      const form = WebhookForm.read(call.body, true)
      if ("status" in form) return form
      if (isFull(channel)) return tooMany
      return ok(Webhooks.json(webhooks.create(channel, form.name ?? "", call.user)))
    })

  const inWebhook = (call: RestRoute.Call, f: (webhook: World.Webhook) => RestResponse) => {
    const webhook = world.webhooks.get(call.ids[0] ?? "")
    const channel = webhook && world.channels.get(webhook.channelId)
    if (webhook === undefined || channel === undefined) return unknownWebhook
    return Admission.may(world, channel, call.user.id, "MANAGE_WEBHOOKS") ? f(webhook) : missingPermissions
  }

  const modify = (call: RestRoute.Call) =>
    inWebhook(call, (webhook) => {
      const form = WebhookForm.read(call.body, false)
      if ("status" in form) return form
      const id = Body.idOf(call.body["channel_id"])
      const to = Array.from(world.guilds.get(webhook.guildId)?.channels.values() ?? []).find((one) => one.id === id)
      if (id !== undefined && to === undefined) return unknownChannel
      if (to !== undefined && to.kind === "category") return wrongKind
      if (to !== undefined && !Admission.may(world, to, call.user.id, "MANAGE_WEBHOOKS")) return missingPermissions
      if (to !== undefined && to.id !== webhook.channelId && isFull(to)) return tooMany
      webhooks.change(webhook, { ...form, ...(to === undefined ? {} : { channelId: to.id }) })
      return ok(Webhooks.json(webhook))
    })

  const remove = (call: RestRoute.Call) =>
    inWebhook(call, (webhook) => {
      webhooks.remove(webhook)
      return nothing
    })

  const [ofChannel, one] = ["/channels/:/webhooks", "/webhooks/:"]
  return [
    RestRoute.make("POST", ofChannel, create),
    RestRoute.make(
      "GET",
      ofChannel,
      (call) => inManaged(call, (channel) => ok(all(({ channelId }) => channelId === channel.id)))
    ),
    RestRoute.make(
      "GET",
      "/guilds/:/webhooks",
      (call) =>
        inGuild(call, (guild, me) =>
          Permissions.has(Permissions.inGuild(guild, me), "MANAGE_WEBHOOKS")
            ? ok(all(({ guildId }) => guildId === guild.id))
            : missingPermissions)
    ),
    RestRoute.make("GET", one, (call) => inWebhook(call, (webhook) => ok(Webhooks.json(webhook)))),
    RestRoute.make("PATCH", one, modify),
    RestRoute.make("DELETE", one, remove)
  ]
}
