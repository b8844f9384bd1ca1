/**
 * The numbered messages of a voice session, kept for replay after Resume (op 7).
 *
 * @since 0.1.0
 */
import type { ServerFrame } from "../../../protocol/DaveFrame.ts"
import type { ServerMessage } from "../../../protocol/VoicePayload.ts"

/**
 * A message of the voice gateway, JSON or binary. Both kinds are numbered together.
 *
 * @category models
 * @since 0.1.0
 */
export type Message = ServerMessage | ServerFrame

/**
 * The numbered messages of one session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outbox {
  /** Numbers a message and keeps it. Numbers wrap after 65535, the width of the binary messages' field. */
  readonly push: (message: Message) => Message
  /**
   * The messages after the one that the client acknowledged last, -1 for none. `undefined` if a missing message is not kept any
   * more, or if the number was never assigned.
   */
  readonly since: (acknowledged: number) => ReadonlyArray<Message> | undefined
  /** From now on, behaves as if more messages had been missed than are kept, whatever is acknowledged. */
  readonly overrun: () => void
}

/**
 * Makes an outbox that keeps the latest `limit` messages. The first one gets the number `first`, by default 0, as observed with
 * Discord.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (limit: number, first = 0): Outbox => {
  const kept: Array<Message & { readonly seq: number }> = []
  let next = first & 0xffff
  let lost: number | undefined
  let overrun = false
  return {
    push: (message) => {
      const numbered = { ...message, seq: next }
      next = (next + 1) & 0xffff
      kept.push(numbered)
      if (kept.length > limit) lost = kept.shift()?.seq
      return numbered
    },
    overrun: () => {
      overrun = true
    },
    since: (acknowledged) => {
      if (overrun) return undefined
      if (acknowledged === lost || (acknowledged === -1 && lost === undefined)) return kept.slice()
      for (let i = kept.length - 1; i >= 0; i--) {
        if (kept[i]?.seq === acknowledged) return kept.slice(i + 1)
      }
      return undefined
    }
  }
}
