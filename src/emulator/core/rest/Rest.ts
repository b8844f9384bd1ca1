/**
 * The part of Discord's REST API that voice bots use before and besides the gateway, the same in versions 9 and 10: the
 * gateway's URL, the current user, guilds, channels, members, moving members, and registering commands. Errors have Discord's
 * bodies.
 *
 * @since 0.1.0
 */
import type { Actions } from "../Actions.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { Decision, Faults } from "../faults/Faults.ts"
import { identifyLimit } from "../gateway/GatewayLogin.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { AuditLog } from "../guilds/AuditLog.ts"
import type { Bans } from "../guilds/Bans.ts"
import type { Channels } from "../guilds/Channels.ts"
import type { Invites } from "../guilds/Invites.ts"
import type { Memberships } from "../guilds/Memberships.ts"
import type { Roles } from "../guilds/Roles.ts"
import type { ScheduledEvents } from "../guilds/ScheduledEvents.ts"
import type { Soundboards } from "../guilds/Soundboards.ts"
import type { Stages } from "../guilds/Stages.ts"
import type { Threads } from "../guilds/Threads.ts"
import type { VoiceEffects } from "../guilds/VoiceEffects.ts"
import type { Webhooks } from "../guilds/Webhooks.ts"
import * as Body from "../http/Body.ts"
import { error, nothing, ok, type RestResponse, wrongMethod } from "../http/RestAnswer.ts"
import type * as Commands from "../interactions/Commands.ts"
import type { Interactions } from "../interactions/Interactions.ts"
import type { Attachments } from "../messages/Attachments.ts"
import type { Messages } from "../messages/Messages.ts"
import * as Sent from "../messages/Sent.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as GuildObject from "../objects/GuildObject.ts"
import type { VoiceStates } from "../states/VoiceStates.ts"
import * as World from "../World.ts"
import * as AuditLogRoutes from "./AuditLogRoutes.ts"
import * as BanRoutes from "./BanRoutes.ts"
import * as ChannelRoutes from "./ChannelRoutes.ts"
import * as CommandRoutes from "./CommandRoutes.ts"
import * as EmojiRoutes from "./EmojiRoutes.ts"
import * as EventRoutes from "./EventRoutes.ts"
import * as GuildRoutes from "./GuildRoutes.ts"
import * as InviteRoutes from "./InviteRoutes.ts"
import * as MemberRoutes from "./MemberRoutes.ts"
import * as MessageRoutes from "./MessageRoutes.ts"
import * as PlaceRoutes from "./PlaceRoutes.ts"
import type { Refusals } from "./Refusals.ts"
import * as RestRoute from "./RestRoute.ts"
import * as RoleRoutes from "./RoleRoutes.ts"
import * as SoundRoutes from "./SoundRoutes.ts"
import * as StageRoutes from "./StageRoutes.ts"
import * as ThreadChange from "./ThreadChange.ts"
import * as ThreadRoutes from "./ThreadRoutes.ts"
import * as WebhookAnswers from "./WebhookAnswers.ts"
import * as WebhookRoutes from "./WebhookRoutes.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface RestRequest {
  readonly method: string
  /** Including the query, with or without the prefix `/api/v10`. */
  readonly path: string
  /** The value of the header. */
  readonly authorization: string | undefined
  /** The value of the header `X-Audit-Log-Reason`, in which libraries percent-encode spaces and characters beyond ASCII. */
  readonly reason?: string | undefined
  /** The value of the header that requests a part of a file. */
  readonly range?: string | undefined
  /** Text, or the bytes of a form with files (`multipart/form-data`). */
  readonly body: string | Uint8Array | undefined
}

export type { RestResponse } from "../http/RestAnswer.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly context: CoreContext
  readonly world: World.World
  readonly gateway: GatewayServer
  readonly voiceStates: VoiceStates
  readonly voiceEffects: VoiceEffects
  readonly actions: Actions
  readonly channels: Channels
  readonly roles: Roles
  readonly soundboards: Soundboards
  readonly stages: Stages
  readonly events: ScheduledEvents
  readonly threads: Threads
  readonly audit: AuditLog
  readonly bans: Bans
  readonly invites: Invites
  readonly webhooks: Webhooks
  readonly memberships: Pick<Memberships, "setNick" | "setRoles" | "timeOut" | "removeFromGuild" | "drop">
  readonly faults: Faults
  readonly commands: Commands.Commands
  readonly interactions: Pick<Interactions, "rest">
  readonly messages: Messages
  readonly attachments: Pick<Attachments, "rest">
  readonly refusals: Pick<Refusals, "add">
  /** Milliseconds of Unix time. */
  readonly wall: () => number
}

const notFound = error(404, 0, "404: Not Found")
const unauthorized = error(401, 0, "401: Unauthorized")
const unknownGuild = error(404, 10004, "Unknown Guild")
const invalidRecipient = error(400, 50033, "Invalid Recipient(s)")

/**
 * Makes a function that answers requests. Requests without a route are answered 404 and counted as `rest-unknown:METHOD path`,
 * with ids and tokens replaced by `:`. An unknown token is a violation. Never throws.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): (request: RestRequest) => RestResponse => {
  const { actions, channels, context, faults, gateway, interactions, memberships, messages, roles, stages } = options
  const { audit, bans, invites, threads, voiceStates, wall, webhooks, world } = options

  const find = <A extends { readonly id: string }>(things: Iterable<A>, id: string | undefined): A | undefined => {
    for (const thing of things) if (thing.id === id) return thing
    return undefined
  }

  const inGuild = (
    { ids, user }: RestRoute.Call,
    f: (guild: World.Guild, me: World.Member) => RestResponse
  ): RestResponse => {
    const guild = find(world.guilds.values(), ids[0])
    const me = guild?.members.get(user.id)
    return guild === undefined || me === undefined ? unknownGuild : f(guild, me)
  }

  const inChannel = ChannelRoutes.inChannel(world)
  const { inMessage, inPlace } = PlaceRoutes.finders(world, messages, inChannel)

  const gatewayBot = ({ user }: RestRoute.Call) => {
    const left = gateway.identifiesLeft(user.id)
    return ok({
      url: gateway.url(),
      shards: 1,
      session_start_limit: {
        total: identifyLimit,
        remaining: left.remaining,
        reset_after: left.resetAfterMs,
        max_concurrency: context.profile.identifyConcurrency
      }
    })
  }

  const regions = () =>
    ok(
      Array.from(
        new Set(Array.from(world.servers.values(), (server) => server.region)),
        (id, i) => ({ id, name: id, optimal: i === 0, deprecated: false, custom: false })
      )
    )

  const routes = [
    ...MessageRoutes.make(world, messages, audit, context.now, inPlace, inMessage),
    ...BanRoutes.make({ world, bans, messages, now: context.now }, inGuild),
    ...InviteRoutes.make({ world, invites, wall }, inGuild, inChannel),
    ...WebhookRoutes.make(world, webhooks, inGuild, inChannel),
    ...ThreadRoutes.make(world, threads, inGuild, inChannel, inMessage),
    ...MemberRoutes.make({ world, actions, memberships, voiceStates, wall }, inGuild),
    ...RoleRoutes.make(roles, memberships, inGuild),
    ...StageRoutes.make(world, stages, options.events, inChannel),
    RestRoute.make("GET", "/gateway/bot", gatewayBot),
    RestRoute.make("GET", "/users/@me", ({ user }) => ok(DiscordObject.self(user))),
    RestRoute.make("GET", "/users/:", ({ ids }) => {
      const user = find(world.users.values(), ids[0])
      return user === undefined ? error(404, 10013, "Unknown User") : ok(DiscordObject.user(user))
    }),
    RestRoute.make("GET", "/users/@me/guilds", ({ user }) =>
      ok(
        Array.from(world.guilds.values()).flatMap((guild) => {
          const me = guild.members.get(user.id)
          return me === undefined ? [] : [GuildObject.ownGuild(guild, me)]
        })
      )),
    RestRoute.make("DELETE", "/users/@me/guilds/:", (call) =>
      inGuild(call, (guild) => {
        memberships.drop(guild, call.user.id)
        return nothing
      })),
    RestRoute.make("GET", "/applications/@me", ({ user }) => ok(DiscordObject.application(user))),
    RestRoute.make("GET", "/oauth2/applications/@me", ({ user }) => ok(DiscordObject.application(user))),
    ...CommandRoutes.make(options.commands, inGuild),
    RestRoute.make("GET", "/voice/regions", regions),
    ...SoundRoutes.make(world, options.soundboards, options.voiceEffects, inChannel, inGuild),
    ...EmojiRoutes.make(world, gateway, audit, inGuild),
    ...GuildRoutes.make(world, gateway, audit, inGuild),
    ...EventRoutes.make(world, options.events, wall, inGuild),
    ...AuditLogRoutes.make(world, audit, inGuild),
    RestRoute.make("GET", "/guilds/:/regions", (call) => inGuild(call, regions)),
    RestRoute.make("POST", "/users/@me/channels", (call) => {
      const recipient = find(world.users.values(), Body.idOf(call.body["recipient_id"]))
      if (recipient === undefined || recipient === call.user) return invalidRecipient
      return ok(ChannelObject.direct(World.openDirect(world, call.user, recipient), call.user))
    }),
    ...ChannelRoutes.make(
      { world, profile: context.profile, actions, channels, ofThread: ThreadChange.make(world, threads) },
      inGuild,
      inChannel
    )
  ]

  const soundFiles = SoundRoutes.files(world)
  const webhookAnswers = WebhookAnswers.make(world, webhooks, messages)

  const respond = (request: RestRequest, path: string, user: World.User | undefined): RestResponse => {
    if (path === "/gateway" && request.method === "GET") return ok({ url: gateway.url() })
    // do not require the token of a bot
    const file = options.attachments.rest(request.method, path, request.range) ??
      soundFiles(request.method, path, request.range)
    if (file !== undefined) return file
    if (request.body !== undefined && Sent.isTooLarge(request.body)) return Sent.tooLarge
    const query = request.path.split("?", 2)[1] ?? ""
    // who changes a webhook by its token is unknown
    const ofWebhook = audit.as(
      { userId: undefined },
      () => webhookAnswers(request.method, path, query, request.body)
    )
    if (ofWebhook !== undefined) return ofWebhook
    const interaction = interactions.rest(request.method, path, query, request.body)
    if (interaction !== undefined) return interaction
    const parts = path.split("/").slice(1)
    let other = false
    for (const entry of routes) {
      const ids = RestRoute.match(entry.parts, parts)
      if (ids === undefined) continue
      if (entry.method !== request.method) {
        other = true
        continue
      }
      if (user === undefined) {
        context.judge("violation", "bad-token", `${request.method} ${entry.path} was sent without a known token.`, user)
        return unauthorized
      }
      const parsed = RestRoute.parseBody(request.body, entry.takes)
      if ("status" in parsed) return parsed
      const reason = decoded(request.reason)
      const call = { user, ids, query: new URLSearchParams(query), reason, ...parsed }
      return audit.as({ userId: user.id, reason }, () => entry.run(call))
    }
    context.count(`rest-unknown:${request.method} ${path.slice(0, 200).replace(/\d{15,}|[\w-]{32,}/g, ":")}`)
    return other ? wrongMethod : notFound
  }

  const answer: typeof respond = (request, path, user) => {
    const response = respond(request, path, user)
    options.refusals.add({ method: request.method, path }, user, response)
    return response
  }

  return (request) => {
    context.count("rest")
    // discord.js writes %40me
    const path = (request.path.split("?", 1)[0] ?? "").replace(/^\/api(\/v\d+)?(?=\/)/, "").replace(/(?<=.)\/$/, "")
      .replaceAll("%40", "@")
    const user = world.tokens.get((request.authorization ?? "").replace(/^(Bot|Bearer) /, ""))
    const decision = faults.decide({
      point: "rest",
      userId: user?.id,
      op: `${request.method} ${path}`,
      frame: request.body ?? ""
    })
    if (decision === undefined) return answer(request, path, user)
    const response = disturbed(decision.action, () => answer(request, path, user))
    return decision.delayMs === undefined ? response : { ...response, delayMs: decision.delayMs }
  }
}

/** Applies a fault to an answer. Holding a request behind others or answering it twice is meaningless and has no effect. */
const disturbed = (action: Decision["action"], answer: () => RestResponse): RestResponse => {
  switch (action?._tag) {
    case undefined:
    case "Duplicate":
    case "Hold":
      return answer()
    case "Replace":
      return {
        status: 200,
        body: undefined,
        text: typeof action.frame === "string" ? action.frame : utf8.decode(action.frame)
      }
    case "Terminate":
      // a request that is cut off afterwards has had its effect
      if (action.at === "after") answer()
      return { status: 0, body: undefined }
    case "Refuse":
      return refused(action.status, action.retryAfterMs / 1000)
    case "Drop":
    case "Close":
      return { status: 0, body: undefined }
  }
}

/** Discord's answer to too many requests, with the headers that libraries evaluate, and when Discord itself is broken. */
const refused = (status: number, retryAfter: number): RestResponse => {
  if (status !== 429) return error(status, 0, `${status}: ${status < 500 ? "Refused" : "Internal Server Error"}`)
  return {
    status,
    body: { message: "You are being rate limited.", retry_after: retryAfter, global: false },
    headers: {
      // without it discord.py assumes that the firewall before Discord answered, and does not retry
      via: "1.1 google",
      "retry-after": String(Math.ceil(retryAfter)),
      "x-ratelimit-limit": "5",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset-after": String(retryAfter),
      "x-ratelimit-bucket": "emulated",
      "x-ratelimit-scope": "user"
    }
  }
}

const decoded = (reason: string | undefined): string | undefined => {
  try {
    return reason === undefined ? undefined : decodeURIComponent(reason)
  } catch {
    return reason
  }
}

const utf8 = new TextDecoder()
