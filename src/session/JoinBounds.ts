/**
 * Checks the numbers among the options of a session, before Discord is asked for anything.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Bounds from "../audio/Bounds.ts"
import * as limits from "../codec/limits.ts"
import type { EncoderOptions } from "../OpusEncoder.ts"
import type * as Receive from "../receive/Receive.ts"
import * as VoiceError from "../VoiceError.ts"
import type * as Policy from "./Policy.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  readonly joinTimeout?: Duration.Input | undefined
  readonly policy?: Partial<Policy.Policy> | undefined
  readonly encoder?: EncoderOptions | undefined
  readonly receive?: Receive.Options | undefined
  readonly receiveCapacity?: number | undefined
}

/**
 * Fails with `Unsupported` for the first invalid option.
 *
 * @category combinators
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(
  { encoder = {}, joinTimeout, policy = {}, receive = {}, receiveCapacity }: Wanted
): Effect.fn.Return<void, VoiceError.VoiceError> {
  const problem = limits.optionsProblem(encoder)
  if (problem !== undefined) {
    return yield* VoiceError.fail(
      new VoiceError.Unsupported({ feature: "this encoder configuration", detail: problem })
    )
  }
  const times: ReadonlyArray<readonly [string, Duration.Input | undefined]> = [
    ["a join timeout", joinTimeout],
    ["a `stableAfter`", policy.stableAfter],
    ["a `gatewayPatience`", policy.gatewayPatience],
    ["a `serverPatience`", policy.serverPatience]
  ]
  for (const [what, value] of times) if (value !== undefined) yield* Bounds.patience(value, what)
  const spans: ReadonlyArray<readonly [string, Duration.Input | undefined]> = [
    ["a `minDepth`", receive.minDepth],
    ["a `startDepth`", receive.startDepth],
    ["a `maxDepth`", receive.maxDepth],
    ["a `tickDelay`", receive.tickDelay]
  ]
  for (const [what, value] of spans) if (value !== undefined) yield* Bounds.span(value, what)
  const counts: ReadonlyArray<readonly [string, number | undefined]> = [
    ["a `bufferPackets`", receive.bufferPackets],
    ["a `capacity`", receive.capacity],
    ["a `receiveCapacity`", receiveCapacity]
  ]
  for (const [what, value] of counts) if (value !== undefined) yield* Bounds.count(value, what)
})
