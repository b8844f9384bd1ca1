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
    return yield* VoiceError.fail(new VoiceError.Unsupported({ feature: "such an encoder", detail: problem }))
  }
  const times: ReadonlyArray<readonly [string, Duration.Input | undefined]> = [
    ["a join timeout", joinTimeout],
    ["a time to be stable after", policy.stableAfter],
    ["a patience with the gateway", policy.gatewayPatience],
    ["a patience with the server", policy.serverPatience]
  ]
  for (const [what, value] of times) if (value !== undefined) yield* Bounds.patience(value, what)
  const spans: ReadonlyArray<readonly [string, Duration.Input | undefined]> = [
    ["a least depth", receive.minDepth],
    ["a depth at the start", receive.startDepth],
    ["a greatest depth", receive.maxDepth],
    ["a delay of ticks", receive.tickDelay]
  ]
  for (const [what, value] of spans) if (value !== undefined) yield* Bounds.span(value, what)
  const counts: ReadonlyArray<readonly [string, number | undefined]> = [
    ["a number of packets to hold", receive.bufferPackets],
    ["a capacity of listeners", receive.capacity],
    ["a capacity of packets", receiveCapacity]
  ]
  for (const [what, value] of counts) if (value !== undefined) yield* Bounds.count(value, what)
})
