/**
 * How we are shown in the channel, muted or deaf by ourselves, and what it does to what we send and receive.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { ChannelId } from "../protocol/Identifier.ts"
import type * as VoiceError from "../VoiceError.ts"
import type { Conduit } from "./Conduit.ts"
import type { Flags, Known, Now } from "./Known.ts"
import type { State } from "./State.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly mute: boolean
  readonly deaf: boolean
  readonly state: () => State
  /** Where Discord has us. */
  readonly channelId: () => Now["channelId"]
  /** Tells Discord where we are, or want to be, and how we are shown there. */
  readonly tell: Known["tell"]
  readonly conduit: Pick<Conduit, "setMuted" | "setDeaf">
  /** Where a move is going. */
  readonly movingTo: () => ChannelId | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Self {
  readonly flags: () => Flags
  /** Changes the flags; what is left out stays as it is. Fails with what the gateway fails with. */
  readonly set: (
    change: { readonly mute?: boolean | undefined; readonly deaf?: boolean | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Self> {
  const { conduit, movingTo, state, tell } = options
  let { deaf, mute } = options
  if (mute) yield* conduit.setMuted(true)
  if (deaf) yield* conduit.setDeaf(true)
  const flags = (): Flags => ({ mute, deaf })

  const set: Self["set"] = (change) =>
    Effect.gen(function*() {
      mute = change.mute ?? mute
      deaf = change.deaf ?? deaf
      // silence does not wait for the main gateway, sound does
      if (mute) yield* conduit.setMuted(true)
      yield* conduit.setDeaf(deaf)
      const now = state()
      const channelId = options.channelId()
      // a request has the flags with it, and a connection that comes up shows them where they were changed since
      if ((now._tag === "Ready" || now._tag === "Resuming") && channelId !== undefined && channelId !== null) {
        yield* tell(movingTo() ?? channelId, flags())
      }
      if (!mute) yield* conduit.setMuted(false)
    })

  return { flags, set }
})
