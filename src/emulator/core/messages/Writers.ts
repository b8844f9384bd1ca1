/**
 * What users do in the text of channels: they write and react, within the limits of Discord's client.
 *
 * @since 0.1.0
 */
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import * as Body from "../http/Body.ts"
import type * as World from "../World.ts"
import * as Emoji from "./Emoji.ts"
import type * as Message from "./Message.ts"
import type { Messages } from "./Messages.ts"
import * as Places from "./Places.ts"
import * as Sent from "./Sent.ts"

/**
 * What a user writes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written {
  readonly userId: UserId
  readonly channelId: ChannelId
  readonly content: string
  readonly files?: ReadonlyArray<Sent.SentFile> | undefined
  /** The id of a message in that channel. */
  readonly replyTo?: string | undefined
}

/**
 * A user's reaction to a message, or its removal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reacting {
  readonly userId: UserId
  readonly channelId: ChannelId
  readonly messageId: string
  /** The character itself, or `name:id` for an emoji of a guild. */
  readonly emoji: string
  readonly isOn: boolean
}

/**
 * The result, or why Discord's client would not do it.
 *
 * @category models
 * @since 0.1.0
 */
export type Done = Message.Message | { readonly problem: string }

/**
 * @category models
 * @since 0.1.0
 */
export interface Writers {
  readonly write: (written: Written) => Done
  readonly react: (reacting: Reacting) => Done
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, messages: Pick<Messages, "of" | "make" | "add" | "react">): Writers => {
  /** The user and the place. */
  const find = (
    { channelId, userId }: Pick<Written, "channelId" | "userId">
  ): { readonly author: World.User; readonly where: Places.Where } | { readonly problem: string } => {
    const where = Places.find(world, channelId)
    const author = world.users.get(userId)
    if (where === undefined) return { problem: "the channel no longer exists" }
    const problem = Places.problemOf(world, where, userId)
    if (author === undefined || problem !== undefined) return { problem: problem ?? "the user does not exist" }
    return { author, where }
  }

  return {
    write: (written) => {
      const { channelId, content, files = [], replyTo: repliedId } = written
      const sent = { body: { content }, files }
      const found = find(written)
      if ("problem" in found) return found
      if (!Sent.saysSomething(sent)) return { problem: "the message is empty" }
      if (Body.lengthOf(content) > Sent.longest) {
        return { problem: `a message can have at most ${Sent.longest} characters` }
      }
      if (files.length > Sent.mostFiles) return { problem: `a message can have at most ${Sent.mostFiles} files` }
      const problem = files.map(problemOfFile).find((one) => one !== undefined)
      if (problem !== undefined) return { problem }
      if (Sent.problemOf(sent) !== undefined) {
        return { problem: `the files of a message can have at most ${Sent.largestInAll} bytes in total` }
      }
      const replyTo = messages.of(channelId).find(({ id }) => id === repliedId)
      if (repliedId !== undefined && replyTo === undefined) {
        return { problem: "the message that it replies to does not exist" }
      }
      const message = messages.make({ ...found, replyTo }, sent)
      messages.add(message)
      return message
    },
    react: (reacting) => {
      const { channelId, emoji, isOn, messageId } = reacting
      const found = find(reacting)
      if ("problem" in found) return found
      const message = messages.of(channelId).find(({ id }) => id === messageId)
      if (message === undefined) return { problem: `no message in the channel has the id ${messageId}` }
      if (emoji === "") return { problem: "the emoji is missing" }
      if (!Emoji.isEmoji(emoji)) return { problem: `"${emoji}" is not an emoji` }
      if (isOn && !Emoji.fits(message.reactions, emoji)) {
        return { problem: `a message can have at most ${Emoji.most} different reactions` }
      }
      messages.react(message, emoji, found.author, isOn)
      return message
    }
  }
}

/**
 * Why Discord's client would not send a file, if so.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemOfFile = (
  { data, description }: Pick<Sent.SentFile, "data" | "description">
): string | undefined => {
  if (data.length > Sent.largestFile) return `a file can have at most ${Sent.largestFile} bytes`
  if (description === undefined || Body.lengthOf(description) <= Sent.longestDescription) return undefined
  return `the description of a file can have at most ${Sent.longestDescription} characters`
}
