/**
 * The emoji of reactions, as REST writes them: itself, or `name:id` for one of a guild, which moves with `a:` before it (Discord docs,
 * Resources, Message, Create Reaction).
 *
 * @since 0.1.0
 */
import type { Json } from "../objects/DiscordObject.ts"

const ofGuild = /^(a:)?([^:]+):(\d+)$/

/** One of Unicode has a picture in it, a letter of a flag, or a keycap. */
const ofUnicode = /\p{Extended_Pictographic}|\p{Regional_Indicator}|[0-9#*]\ufe0f?\u20e3/u

/** What people take for one sign, of however many characters. */
const signs = new Intl.Segmenter()

/**
 * So many different ones has a message at most.
 *
 * @category constants
 * @since 0.1.0
 */
export const most = 20

/**
 * Whether it is one of Unicode.
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
 * As Discord shows one.
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
 * The id of one of a guild; `undefined` for all others.
 *
 * @category getters
 * @since 0.1.0
 */
export const idOf = (text: string): string | undefined => ofGuild.exec(text)?.[3]

/** What is the same however one is written: the id, or the characters without those that ask for colours. */
const plain = (text: string): string => idOf(text) ?? text.replaceAll("\ufe0f", "")

/**
 * As an emoji is written among others already, or as it is.
 *
 * @category getters
 * @since 0.1.0
 */
export const among = (all: Iterable<string>, text: string): string => {
  for (const one of all) if (plain(one) === plain(text)) return one
  return text
}

/**
 * Whether there is room for one beside those that a message has.
 *
 * @category guards
 * @since 0.1.0
 */
export const fits = (reactions: ReadonlyMap<string, unknown>, text: string): boolean =>
  reactions.size < most || reactions.has(among(reactions.keys(), text))
