import { Effect } from "effect"
import type { AudioPacket, Event } from "../../src/driver/Line.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"
import type * as Hub from "../../src/receive/Hub.ts"
import type { Observer } from "../../src/VoiceDriver.ts"
import type { VoiceError } from "../../src/VoiceError.ts"

/** Packets and events that a test sends by hand. */
export const make = () => {
  const readers = new Set<Hub.Reader>()
  const observers = new Set<
    Observer<Event | { readonly _tag: "Moved" }> & {
      readonly onConnection?: (() => void) | undefined
      readonly onDeaf?: ((deaf: boolean) => void) | undefined
    }
  >()
  const members = new Set<UserId>()
  const intake: Hub.Intake = {
    read: (reader) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => readers.add(reader)),
        () => Effect.sync(() => readers.delete(reader))
      )),
    reread: Effect.void,
    observe: (observer) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => observers.add(observer)),
        () => Effect.sync(() => observers.delete(observer))
      )),
    members: () => [...members]
  }
  return {
    intake,
    members,
    observers,
    readers,
    push: (packet: AudioPacket) => {
      for (const { onPacket } of readers) onPacket(packet)
    },
    connect: () => {
      for (const { onConnection } of observers) onConnection?.()
    },
    deafen: (deaf: boolean) => {
      for (const { onDeaf } of observers) onDeaf?.(deaf)
    },
    tell: (event: Event | { readonly _tag: "Moved" }) => {
      for (const { onEvent } of observers) onEvent(event)
    },
    end: (error: VoiceError) => {
      for (const { onOver } of readers) onOver(error)
    }
  }
}
