/**
 * Slash commands that are typed and buttons that are pressed, and how a bot answers them over REST (Discord docs, Interactions: Receiving
 * and Responding). An answer has three seconds, and what follows on it a quarter of an hour.
 *
 * @since 0.1.0
 */
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import * as CommandOptions from "./CommandOptions.ts"
import type { Commands } from "./Commands.ts"
import type { CoreContext } from "./CoreContext.ts"
import * as DiscordObject from "./DiscordObject.ts"
import type { GatewayServer } from "./GatewayServer.ts"
import { sees } from "./GatewaySession.ts"
import * as InteractionMessage from "./InteractionMessage.ts"
import * as Random from "./Random.ts"
import { error, invalidBody, invalidJson, nothing, ok, type RestResponse, wrongMethod } from "./RestAnswer.ts"
import type * as World from "./World.ts"

type Json = DiscordObject.Json

/**
 * A command that somebody types. `path` is its name, with those of a group and a subcommand.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typed {
  readonly userId: UserId
  readonly botId: UserId
  readonly channelId: ChannelId
  readonly path: ReadonlyArray<string>
  readonly values: CommandOptions.Values
}

/**
 * How far a bot has come: it has said nothing, that it is thinking, something, or nothing in time.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = "waiting" | "deferred" | "answered" | "expired"

/**
 * An interaction from the side of who began it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Interaction {
  readonly id: string
  readonly progress: () => Progress
  /** What the bot has said that is still there, as it is now. */
  readonly messages: () => ReadonlyArray<InteractionMessage.Message>
  /** Calls `f` after each change, until the function that it returns is called. */
  readonly watch: (f: () => void) => () => void
  /** Somebody presses a button of one of the messages, or chooses in its menu. */
  readonly press: (
    userId: UserId,
    customId: string,
    values: ReadonlyArray<string>
  ) => Interaction | { readonly problem: string }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Interactions {
  readonly type: (command: Typed) => Interaction | { readonly problem: string }
  /** Answers what is under `/interactions` and `/webhooks`, for which the token in the path is enough; `undefined` for all else. */
  readonly rest: (method: string, path: string, query: string, body: string | undefined) => RestResponse | undefined
}

interface Begun {
  readonly id: string
  readonly token: string
  readonly bot: World.User
  readonly begunMs: number
  /** 2: a command; 3: a component. */
  readonly type: 2 | 3
  /** What the component belongs to. */
  readonly pressed: InteractionMessage.Message | undefined
  readonly where: InteractionMessage.Where
  readonly messages: Array<InteractionMessage.Message>
  readonly watchers: Set<() => void>
  /** Whoever shows the message that was pressed. */
  readonly changed: () => void
  progress: Progress
}

const answerMs = 3_000
const tokenMs = 15 * 60_000

/** The kinds of callback (Discord docs, Interaction Callback Type). */
const callback = { message: 4, thinking: 5, silently: 6, update: 7, modal: 9 } as const

const unknownInteraction = error(404, 10062, "Unknown interaction")
const acknowledged = error(400, 40060, "Interaction has already been acknowledged.")
const unknownWebhook = error(404, 10015, "Unknown Webhook")
const invalidToken = error(401, 50027, "Invalid Webhook Token")
const unknownMessage = error(404, 10008, "Unknown Message")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "dispatch">,
  commands: Pick<Commands, "list">
): Interactions => {
  const byToken = new Map<string, Begun>()

  const registeredOf = (botId: UserId, guildId: string, name: string | undefined): Json | undefined => {
    const all = [undefined, guildId].flatMap((scope) => commands.list({ applicationId: botId, guildId: scope }))
    return all.findLast((command) => command["name"] === name && command["type"] === 1)
  }

  const hasAny = (botId: UserId, guildId: string) =>
    [undefined, guildId].some((scope) => commands.list({ applicationId: botId, guildId: scope }).length > 0)

  /** The session of a bot that is told of what happens in a guild. */
  const sessionOf = (botId: UserId, guild: World.Guild) =>
    gateway.sessions().find((session) => session.user.id === botId && sees(world, session, guild.id))

  const begin = (
    options: {
      readonly userId: UserId
      readonly bot: World.User
      readonly channel: World.Channel
      readonly guild: World.Guild
      readonly type: 2 | 3
      readonly data: Json
      readonly pressed?: InteractionMessage.Message
      readonly changed?: () => void
    }
  ): Interaction | { readonly problem: string } => {
    const { bot, channel, data, guild, pressed, type, userId } = options
    const user = world.users.get(userId)
    const member = guild.members.get(userId)
    if (!guild.available) return { problem: "the guild cannot be reached" }
    const session = sessionOf(bot.id, guild)
    if (user === undefined || member === undefined) return { problem: "who begins it is no member of the guild" }
    if (session === undefined) return { problem: `"${bot.name}" is not logged in` }
    const record: Begun = {
      id: world.nextId(),
      token: Random.hex(context.random, 32),
      bot,
      begunMs: context.now(),
      type,
      pressed,
      where: { guild, channel, user },
      messages: [],
      watchers: new Set(),
      changed: options.changed ?? (() => {}),
      progress: "waiting"
    }
    byToken.set(record.token, record)
    context.timers.at(record.begunMs + answerMs, () => {
      if (record.progress === "waiting") become(record, "expired")
    })
    context.timers.at(record.begunMs + tokenMs, () => byToken.delete(record.token))
    const mine = guild.members.get(bot.id)
    gateway.dispatch(session, "INTERACTION_CREATE", {
      id: record.id,
      application_id: bot.id,
      type,
      data,
      guild_id: guild.id,
      guild: { id: guild.id, locale: "en-US", features: [] },
      channel_id: channel.id,
      channel: { ...DiscordObject.channel(channel), permissions: DiscordObject.permissions(member) },
      member: { ...DiscordObject.member(world, member), permissions: DiscordObject.permissions(member) },
      token: record.token,
      version: 1,
      locale: "en-US",
      guild_locale: "en-US",
      app_permissions: mine === undefined ? "0" : DiscordObject.permissions(mine),
      entitlements: [],
      authorizing_integration_owners: { 0: guild.id },
      context: 0,
      attachment_size_limit: 10_485_760,
      ...(pressed === undefined ? {} : { message: InteractionMessage.json(pressed) })
    })
    return view(record)
  }

  const notify = (record: Begun) => {
    for (const f of Array.from(record.watchers)) f()
  }

  const become = (record: Begun, progress: Progress) => {
    record.progress = progress
    notify(record)
  }

  const view = (record: Begun): Interaction => ({
    id: record.id,
    progress: () => record.progress,
    messages: () => record.messages.filter(({ isDeleted }) => !isDeleted),
    watch: (f) => {
      record.watchers.add(f)
      return () => void record.watchers.delete(f)
    },
    press: (userId, customId, values) => {
      const all = record.messages.filter((one) =>
        !one.isDeleted && InteractionMessage.componentOf(one, customId) !== undefined
      )
      const message = all.findLast(({ isEphemeral, where }) => !isEphemeral || where.user.id === userId)
      const component = message && InteractionMessage.componentOf(message, customId)
      if (message === undefined || component === undefined) {
        const toThem = all.length === 0 ? "" : " that this user sees"
        return { problem: `no message of the bot has a component "${customId}"${toThem}` }
      }
      if (component["disabled"] === true) return { problem: `the component "${customId}" is disabled` }
      const { channel, guild } = record.where
      return begin({
        userId,
        bot: record.bot,
        channel,
        guild,
        type: 3,
        data: {
          id: component["id"] ?? 1,
          custom_id: customId,
          component_type: component["type"],
          ...(component["type"] === 2 ? {} : { values })
        },
        pressed: message,
        changed: () => notify(record)
      })
    }
  })

  const type: Interactions["type"] = ({ botId, channelId, path, userId, values }) => {
    const channel = world.channels.get(channelId)
    const guild = channel === undefined ? undefined : world.guilds.get(channel.guildId)
    const bot = world.users.get(botId)
    if (channel === undefined || guild === undefined || bot === undefined) return { problem: "its channel is gone" }
    const registered = registeredOf(botId, guild.id, path[0])
    // a bot that has registered nothing here has done it elsewhere, once
    if (registered === undefined && hasAny(botId, guild.id)) {
      return { problem: "the bot has registered no such command" }
    }
    const filled = CommandOptions.fill(world, guild, path, values, registered)
    if ("problem" in filled) return filled
    const { options, resolved } = filled
    return begin({
      userId,
      bot,
      channel,
      guild,
      type: 2,
      data: {
        id: registered?.["id"] ?? world.nextId(),
        name: path[0],
        type: 1,
        ...(options.length === 0 ? {} : { options }),
        ...(resolved === undefined ? {} : { resolved }),
        ...(registered?.["guild_id"] === undefined ? {} : { guild_id: guild.id })
      }
    })
  }

  const say = (record: Begun, body: Json, isThinking = false): InteractionMessage.Message => {
    const message = InteractionMessage.make(world.nextId(), record, body, isThinking)
    record.messages.push(message)
    become(record, isThinking ? "deferred" : "answered")
    return message
  }

  const edit = (record: Begun, message: InteractionMessage.Message, body: Json): RestResponse => {
    InteractionMessage.edit(message, body)
    if (message === record.pressed) record.changed()
    become(record, "answered")
    return ok(InteractionMessage.json(message))
  }

  const answer = (record: Begun, body: Json, wantsResponse: boolean): RestResponse => {
    if (record.progress === "expired") return unknownInteraction
    if (record.progress !== "waiting") return acknowledged
    const { data, type: kind } = body
    const content: Json = typeof data === "object" ? { ...data } : {}
    let message: InteractionMessage.Message | undefined
    if (kind === callback.message) {
      if (!InteractionMessage.saysSomething(content)) return error(400, 50006, "Cannot send an empty message")
      message = say(record, content)
    } else if (kind === callback.thinking) message = say(record, content, true)
    else if (kind === callback.silently && record.type === 3) become(record, "deferred")
    else if (kind === callback.update && record.pressed !== undefined) {
      if (record.pressed.isDeleted) return unknownMessage
      message = record.pressed
      edit(record, message, content)
    } else if (kind === callback.modal) become(record, "answered")
    else return invalidBody
    if (!wantsResponse) return nothing
    return ok({
      interaction: {
        id: record.id,
        type: record.type,
        ...(message === undefined ? {} : {
          response_message_id: message.id,
          response_message_loading: message.isThinking,
          response_message_ephemeral: message.isEphemeral
        })
      },
      ...(message === undefined ? {} : { resource: { type: kind, message: InteractionMessage.json(message) } })
    })
  }

  /** What follows on the first answer: edits, deletions and more messages. */
  const follow = (record: Begun, method: string, id: string | undefined, body: Json): RestResponse => {
    if (record.progress === "waiting" || record.progress === "expired") return unknownWebhook
    if (id === undefined) {
      if (method !== "POST") return wrongMethod
      if (!InteractionMessage.saysSomething(body)) return error(400, 50006, "Cannot send an empty message")
      return ok(InteractionMessage.json(say(record, body)))
    }
    const first = record.pressed ?? record.messages[0]
    const message = id === "@original" ? first : record.messages.find((one) => one.id === id)
    if (message === undefined || message.isDeleted) return unknownMessage
    switch (method) {
      case "GET":
        return ok(InteractionMessage.json(message))
      case "PATCH":
        return edit(record, message, body)
      case "DELETE":
        message.isDeleted = true
        notify(record)
        return nothing
      default:
        return wrongMethod
    }
  }

  return {
    type,
    rest: (method, path, query, text) => {
      // discord.js writes %40original
      const [, root, owner, token, what, id] = path.replaceAll("%40", "@").split("/")
      const isCallback = root === "interactions" && what === "callback"
      const isMessage = root === "webhooks" && (what === undefined || (what === "messages" && id !== undefined))
      if (token === undefined || (!isCallback && !isMessage)) return undefined
      const record = byToken.get(token)
      const body = InteractionMessage.parse(text)
      if (body === undefined) return invalidJson
      if (isCallback) {
        if (method !== "POST") return wrongMethod
        const wantsResponse = new URLSearchParams(query).get("with_response") === "true"
        return record === undefined || record.id !== owner ? unknownInteraction : answer(record, body, wantsResponse)
      }
      if (record === undefined || record.bot.id !== owner) return invalidToken
      return follow(record, method, id, body)
    }
  }
}
