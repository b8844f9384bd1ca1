/**
 * What a bot says in answer to an interaction, as a message (Discord docs, Message Object).
 *
 * @since 0.1.0
 */
import * as Body from "./Body.ts"
import * as DiscordObject from "./DiscordObject.ts"
import type * as World from "./World.ts"

type Json = DiscordObject.Json

/**
 * Where an interaction was begun, and by whom.
 *
 * @category models
 * @since 0.1.0
 */
export interface Where {
  readonly guild: World.Guild
  readonly channel: World.Channel
  readonly user: World.User
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly id: string
  readonly interactionId: string
  readonly interactionType: number
  readonly author: World.User
  readonly where: Where
  /** Whether nobody but who began it sees it. */
  readonly isEphemeral: boolean
  content: string
  embeds: ReadonlyArray<unknown>
  components: ReadonlyArray<unknown>
  /** "... is thinking". */
  isThinking: boolean
  isEdited: boolean
  isDeleted: boolean
}

const ephemeral = 1 << 6
const loading = 1 << 7

/**
 * The body of a request: JSON, or the part `payload_json` of a form with files. `undefined` for anything else.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (text: string | undefined): Json | undefined => {
  if (text === undefined || text === "") return {}
  const json = text.startsWith("--") ? /name="payload_json"[^]*?\r\n\r\n([^]*?)\r\n--/.exec(text)?.[1] : text
  const value = Body.parse(json ?? "")
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

/**
 * Whether there is anything in a message. Files count, though nobody keeps them.
 *
 * @category guards
 * @since 0.1.0
 */
export const saysSomething = (body: Json): boolean =>
  (typeof body["content"] === "string" && body["content"] !== "") ||
  ["embeds", "components", "attachments", "sticker_ids"].some((field) => Body.itemsOf(body[field]).length > 0) ||
  body["poll"] !== undefined

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  id: string,
  interaction: { readonly id: string; readonly type: number; readonly bot: World.User; readonly where: Where },
  body: Json,
  isThinking: boolean
): Message => ({
  id,
  interactionId: interaction.id,
  interactionType: interaction.type,
  author: interaction.bot,
  where: interaction.where,
  isEphemeral: typeof body["flags"] === "number" && (body["flags"] & ephemeral) !== 0,
  content: typeof body["content"] === "string" ? body["content"] : "",
  embeds: Body.itemsOf(body["embeds"]),
  components: Body.itemsOf(body["components"]),
  isThinking,
  isEdited: false,
  isDeleted: false
})

/**
 * Changes what is named. The answer that was waited for is no edit.
 *
 * @category combinators
 * @since 0.1.0
 */
export const edit = (message: Message, body: Json): void => {
  if (typeof body["content"] === "string" || body["content"] === null) message.content = body["content"] ?? ""
  if (body["embeds"] !== undefined) message.embeds = Body.itemsOf(body["embeds"])
  if (body["components"] !== undefined) message.components = Body.itemsOf(body["components"])
  message.isEdited = !message.isThinking
  message.isThinking = false
}

/**
 * The component of a message with this `custom_id`, in rows, sections and containers.
 *
 * @category getters
 * @since 0.1.0
 */
export const componentOf = ({ components }: Message, customId: string): Json | undefined => {
  const waiting: Array<unknown> = [...components]
  for (const one of waiting) {
    if (typeof one !== "object" || one === null) continue
    const component: Json = { ...one }
    if (component["custom_id"] === customId) return component
    // one by one: a call cannot have as many arguments as a bot can send components
    for (const inner of Body.itemsOf(component["components"])) waiting.push(inner)
    waiting.push(component["accessory"])
  }
  return undefined
}

const timeOf = (id: string): string => new Date(Number((BigInt(id) >> 22n) + 1_420_070_400_000n)).toISOString()

/**
 * As REST and the gateway give it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (message: Message): Json => {
  const { author, where } = message
  const owners = { 0: where.guild.id }
  return {
    id: message.id,
    type: message.interactionType === 2 ? 20 : 0,
    channel_id: where.channel.id,
    author: DiscordObject.user(author),
    content: message.content,
    embeds: message.embeds,
    components: message.components,
    attachments: [],
    mentions: [],
    mention_roles: [],
    mention_everyone: false,
    pinned: false,
    tts: false,
    timestamp: timeOf(message.id),
    edited_timestamp: message.isEdited ? timeOf(message.id) : null,
    flags: (message.isEphemeral ? ephemeral : 0) | (message.isThinking ? loading : 0),
    application_id: author.id,
    webhook_id: author.id,
    interaction_metadata: {
      id: message.interactionId,
      type: message.interactionType,
      user: DiscordObject.user(where.user),
      authorizing_integration_owners: owners
    }
  }
}
