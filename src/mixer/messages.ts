/**
 * The commands to a mix, from the player of its session and between threads.
 *
 * @since 0.1.0
 */
import type { EncoderOptions, EncoderSettings } from "../OpusEncoder.ts"
import type { Complete } from "../SoundEffect.ts"
import type { Curve } from "./Ramp.ts"

/**
 * An input that lowers the others while it is heard.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ducking {
  /** The gain of the others meanwhile. */
  readonly gain: number
  /** How long lowering and returning take, in milliseconds. */
  readonly attackMs: number
  readonly releaseMs: number
  /** How long they stay lowered after the last sound, in milliseconds. */
  readonly holdMs: number
  /** The peak of a frame that counts as sound, relative to 1.0; with 0, for as long as it plays. */
  readonly threshold: number
}

/**
 * @category models
 * @since 0.1.0
 */
export type Format = "opus" | "pcm"

/**
 * An input to add.
 *
 * @category models
 * @since 0.1.0
 */
export interface NewInput {
  /** Identifies it within its mix, from 1 on. */
  readonly input: number
  /** Its index in what the mix reports. */
  readonly slot: number
  readonly format: Format
  readonly ring: SharedArrayBuffer
  readonly gain: number
  readonly paused: boolean
  /** How long it takes to come up from silence, in milliseconds. */
  readonly fadeInMs: number
  readonly curve: Curve
  /**
   * The driver reads the ring until this frame, modulo 1024. The mix begins with that frame, and takes what comes before for
   * what was heard before. Until it is told to own the ring, it removes nothing from it.
   */
  readonly from?: number | undefined
  /** Begins with the sample after the last one of this input. */
  readonly after?: number | undefined
  /**
   * Takes the place of this input, which ends with the next frame, without a click: what waits for that one then waits for
   * this one.
   */
  readonly replaces?: number | undefined
  readonly duck?: Ducking | undefined
  readonly effects?: ReadonlyArray<Complete> | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export type Command =
  | { readonly _tag: "Add"; readonly input: NewInput }
  /** It ends with the next frame, without a click. */
  | { readonly _tag: "Remove"; readonly input: number }
  /**
   * They end with frame `from`, which may be made already: it and all later ones are made again for this ring, which follows
   * the previous one there.
   */
  | {
    readonly _tag: "Cut"
    readonly inputs: ReadonlyArray<number>
    readonly from: number
    readonly ring: SharedArrayBuffer
  }
  | {
    readonly _tag: "Gain"
    readonly input: number
    readonly gain: number
    readonly rampMs: number
  }
  /** It fades to silence at equal power, whatever its gain is meanwhile, and is then over. */
  | { readonly _tag: "FadeOut"; readonly input: number; readonly rampMs: number }
  /** It changes to these within 20 ms. */
  | { readonly _tag: "Effects"; readonly input: number; readonly effects: ReadonlyArray<Complete> }
  | { readonly _tag: "Pause"; readonly input: number; readonly paused: boolean }
  /** From the next frame on. */
  | { readonly _tag: "Encoder"; readonly settings: EncoderSettings }
  /** The driver no longer reads its ring. */
  | { readonly _tag: "Own"; readonly input: number }

/**
 * What a mix is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Setup {
  /** A frame ring that the mix writes to. */
  readonly ring: SharedArrayBuffer
  readonly heard: SharedArrayBuffer
  readonly encoder: EncoderOptions
  readonly aheadMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export type ToMixes =
  | { readonly _tag: "Open"; readonly mix: number; readonly setup: Setup }
  | { readonly _tag: "Command"; readonly mix: number; readonly command: Command }
  | { readonly _tag: "Close"; readonly mix: number }

/**
 * @category models
 * @since 0.1.0
 */
export type FromMixes =
  | { readonly _tag: "Opened"; readonly mix: number; readonly failure: string | undefined }
  /** The whole mix has stopped. */
  | { readonly _tag: "Broken"; readonly mix: number; readonly detail: string }
