/**
 * An interaction between a user and a bot, for both sides.
 *
 * @since 0.1.0
 */
import type * as Attachments from "../messages/Attachments.ts"
import type * as Message from "../messages/Message.ts"
import type * as Places from "../messages/Places.ts"
import type * as World from "../World.ts"
import type * as Choices from "./Choices.ts"
import type * as Modal from "./Modal.ts"

/**
 * The progress of a bot: it has not answered, has said that it is thinking, has answered, or has not answered in time.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = "waiting" | "deferred" | "answered" | "expired"

/**
 * Discord docs, Interaction Type.
 *
 * @category constants
 * @since 0.1.0
 */
export const types = { command: 2, component: 3, typing: 4, modal: 5 } as const

/**
 * @category models
 * @since 0.1.0
 */
export type Type = typeof types[keyof typeof types]

/**
 * What the emulator keeps of an interaction, for as long as its token is valid.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: string
  readonly token: string
  readonly bot: World.User
  readonly begunMs: number
  readonly type: Type
  /** Its target in a context menu. */
  readonly on: Message.On | undefined
  /** The message with the component, or with the one that opened the form. */
  readonly pressed: Message.Message | undefined
  readonly where: Places.Where
  /** Who began it. */
  readonly user: World.User
  /** The files that were sent to the bot with it. */
  readonly files: ReadonlyArray<Attachments.Attachment>
  readonly messages: Array<Message.Message>
  readonly watchers: Set<() => void>
  progress: Progress
  /** The bot's original answer: a new message, or the one with the component. */
  original: Message.Message | undefined
  /** The suggestions for an option that is being typed. */
  choices: ReadonlyArray<Choices.Choice> | undefined
  /** The form that the bot has opened. */
  modal: Modal.Modal | undefined
  isSubmitted: boolean
}

/**
 * @category combinators
 * @since 0.1.0
 */
export const become = (entry: Entry, progress: Progress): void => {
  entry.progress = progress
  for (const f of Array.from(entry.watchers)) f()
}
