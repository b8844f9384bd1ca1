/**
 * The emoji of reactions in the format of REST: the character itself, or `name:id` for an emoji of a guild, with the prefix
 * `a:` if it is animated (Discord docs, Resources, Message, Create Reaction).
 *
 * @since 0.1.0
 */
import type { Json } from "../objects/DiscordObject.ts"

const ofGuild = /^(a:)?([^:]+):(\d+)$/

/** A Unicode emoji contains a pictograph, a regional indicator, or a keycap. */
const ofUnicode = /\p{Extended_Pictographic}|\p{Regional_Indicator}|[0-9#*]\ufe0f?\u20e3/u

/** What people perceive as one character, however many code points it has. */
const signs = new Intl.Segmenter()

/**
 * The maximum number of different emoji on a message.
 *
 * @category constants
 * @since 0.1.0
 */
export const most = 20

/**
 * Whether it is a Unicode emoji.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOfUnicode = (text: string): boolean =>
  ofUnicode.test(text) && Array.from(signs.segment(text)).length === 1

/**
 * @category guards
 * @since 0.1.0
 */
export const isEmoji = (text: string): boolean => ofGuild.test(text) || isOfUnicode(text)

/**
 * An emoji in Discord's format.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (text: string): Json => {
  const [, moves, name, id] = ofGuild.exec(text) ?? []
  if (name === undefined) return { id: null, name: text }
  return { id, name, ...(moves === undefined ? {} : { animated: true }) }
}

/**
 * The id of an emoji of a guild; `undefined` for all others.
 *
 * @category getters
 * @since 0.1.0
 */
export const idOf = (text: string): string | undefined => ofGuild.exec(text)?.[3]

/** What is the same in every notation: the id, or the characters without those that request colors. */
const plain = (text: string): string => idOf(text) ?? text.replaceAll("\ufe0f", "")

/**
 * The notation that is already used for an emoji among others, or its own.
 *
 * @category getters
 * @since 0.1.0
 */
export const among = (all: Iterable<string>, text: string): string => {
  for (const one of all) if (plain(one) === plain(text)) return one
  return text
}

/**
 * Whether there is room for an emoji in addition to those of a message.
 *
 * @category guards
 * @since 0.1.0
 */
export const fits = (reactions: ReadonlyMap<string, unknown>, text: string): boolean =>
  reactions.size < most || reactions.has(among(reactions.keys(), text))
