/**
 * Describes what a bot last said, for the errors of those who waited in vain.
 *
 * @since 0.1.0
 */
import type * as Core from "../core/Core.ts"
import type * as Message from "../core/messages/Message.ts"

/** The number of messages that are described, and the number of characters of their texts. */
const [mostTold, longestText] = [3, 80]

const tells: { readonly [system in Message.System]: string } = {
  pinned: "has pinned a message",
  "thread-created": "has started a thread",
  "thread-starter": "has started this thread"
}

const quoted = (text: string): string =>
  JSON.stringify(text.length > longestText ? `${text.slice(0, longestText)}…` : text)

const textOf = (value: unknown, ...keys: ReadonlyArray<string>): string => {
  const object: { readonly [key: string]: unknown } = typeof value === "object" ? { ...value } : {}
  for (const key of keys) {
    const text = object[key]
    if (typeof text === "string" && text !== "") return ` ${quoted(text)}`
  }
  return ""
}

const described = (message: Message.Message, nameOf: (id: string) => string): string => {
  const { attachments, author, components, content, editedMs, embeds, isEphemeral, isThinking, poll, system, webhook } =
    message
  return [
    webhook === undefined ? nameOf(author.id) : author.name,
    ...(system === undefined ? [] : [tells[system]]),
    ...(isThinking ? ["is thinking"] : []),
    ...(content === "" ? [] : [quoted(content)]),
    ...embeds.map((embed) => `an embed${textOf(embed, "title", "description")}`),
    ...(components.length === 0 ? [] : ["components"]),
    ...(poll === undefined ? [] : ["a poll"]),
    ...attachments.map(({ name }) => `the file ${quoted(name)}`),
    ...(isEphemeral ? ["visible to one user only"] : []),
    ...(editedMs === undefined ? [] : ["edited"])
  ].join(" ")
}

/**
 * The last refused request, to be appended to a sentence. Empty if there is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const refused = (refusal: ReturnType<Core.Core["lastRefusal"]>): string =>
  refusal === undefined
    ? ""
    : `. The last refused request, ${Math.round(refusal.agoMs)} ms earlier, was ${refusal.detail}`

/**
 * Describes the last messages, and the last refused request, which may be the reason that nothing else came.
 *
 * @category getters
 * @since 0.1.0
 */
export const told = (
  messages: ReadonlyArray<Message.Message>,
  refusal: ReturnType<Core.Core["lastRefusal"]>,
  nameOf: (id: string) => string
): string => {
  const last = messages.slice(-mostTold).map((message) => described(message, nameOf))
  const count = messages.length > mostTold ? `${messages.length} messages, the last of them: ` : ""
  const seen = last.length === 0 ? "there was no message" : `there was: ${count}${last.join("; ")}`
  return `${seen}${refused(refusal)}`
}
