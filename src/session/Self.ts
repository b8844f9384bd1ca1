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

class Shown implements Self {
  readonly #options: Options
  #mute: boolean
  #deaf: boolean

  constructor(options: Options) {
    this.#options = options
    this.#mute = options.mute
    this.#deaf = options.deaf
  }

  flags(): Flags {
    return { mute: this.#mute, deaf: this.#deaf }
  }

  set(change: Parameters<Self["set"]>[0]): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      const { channelId, conduit, movingTo, state, tell } = this.#options
      this.#mute = change.mute ?? this.#mute
      this.#deaf = change.deaf ?? this.#deaf
      // silence does not wait for the main gateway, sound does
      if (this.#mute) yield* conduit.setMuted(true)
      yield* conduit.setDeaf(this.#deaf)
      const now = state()
      const place = channelId()
      // a request has the flags with it, and a connection that comes up shows them where they were changed since
      const isShown = (now._tag === "Ready" || now._tag === "Resuming") && place !== undefined && place !== null
      // sound waits no longer where Discord cannot be told: the next connection tells it
      yield* Effect.onExit(
        isShown ? tell(movingTo() ?? place, this.flags()) : Effect.void,
        () => Effect.suspend(() => this.#mute ? Effect.void : conduit.setMuted(false))
      )
    })
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Self> {
  if (options.mute) yield* options.conduit.setMuted(true)
  if (options.deaf) yield* options.conduit.setDeaf(true)
  return new Shown(options)
})
