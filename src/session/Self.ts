/**
 * How the bot is shown in the channel, muted or deaf by its own choice, and the effect on what it sends and receives.
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
  /** Where Discord has the bot. */
  readonly channelId: () => Now["channelId"]
  readonly announce: Known["announce"]
  readonly conduit: Pick<Conduit, "setMuted" | "setDeaf">
  /** The target of a move. */
  readonly movingTo: () => ChannelId | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Self {
  readonly flags: () => Flags
  /** Changes the flags; flags that are left out stay as they are. Fails as the gateway does. */
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
      const { announce, channelId, conduit, movingTo, state } = this.#options
      this.#mute = change.mute ?? this.#mute
      this.#deaf = change.deaf ?? this.#deaf
      // muting does not wait for the main gateway, unmuting does
      if (this.#mute) yield* conduit.setMuted(true)
      yield* conduit.setDeaf(this.#deaf)
      const now = state()
      const place = channelId()
      // a request contains the flags, and a new connection sends them if they were changed since
      const isShown = (now._tag === "Ready" || now._tag === "Resuming") && place !== undefined && place !== null
      // if Discord cannot be told, sound no longer waits: the next connection tells it
      yield* Effect.onExit(
        isShown ? announce(movingTo, () => this.flags()) : Effect.void,
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
