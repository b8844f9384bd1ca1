/**
 * Validates the options of faults and of the network.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { DatagramFaults, What, When } from "../core/faults/FaultRules.ts"
import type { Incident, Schedule } from "../core/faults/FaultSchedule.ts"
import { type EmulatorError, InvalidOption, make as makeError } from "./EmulatorError.ts"
import type { NetworkOptions } from "./Network.ts"

/** What is wrong with some options. Empty if they are valid. */
type Problems = ReadonlyArray<InvalidOption>

const problem = (option: string, detail: string): Problems => [new InvalidOption({ option, detail })]

const most = Number.MAX_SAFE_INTEGER

/**
 * Checks a number from `least` to `greatest`, which has to be whole if `whole` is set. `undefined` is valid.
 *
 * @category guards
 * @since 0.1.0
 */
export const number = (
  option: string,
  value: number | undefined,
  least: number,
  { greatest = most, whole = false }: { readonly greatest?: number; readonly whole?: boolean } = {}
): Problems =>
  value === undefined || (value >= least && value <= greatest && (!whole || Number.isInteger(value)))
    ? []
    : problem(
      option,
      `${value} is not ${whole ? "a whole number" : "a number"} ${
        greatest === most ? `of at least ${least}` : `from ${least} to ${greatest}`
      }`
    )

/** The longest reason of a close frame, in bytes of UTF-8 (RFC 6455, 5.5). */
const mostReasonBytes = 123

const encoder = new TextEncoder()

/**
 * Checks what a close frame can carry (RFC 6455, 5.5 and 7.4).
 *
 * @category guards
 * @since 0.1.0
 */
export const closeFrame = (option: string, code: number | undefined, reason = ""): Problems => [
  ...(code === undefined || (Number.isInteger(code) &&
      ((code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999)))
    ? []
    : problem(option, `a close frame cannot have the code ${code}; a cut needs no code`)),
  ...(encoder.encode(reason).length <= mostReasonBytes
    ? []
    : problem("reason", `a close frame has room for at most ${mostReasonBytes} bytes`))
]

const what = (action: What): Problems => {
  if (typeof action === "string") return []
  if ("delayMs" in action) {
    return [...number("delayMs", action.delayMs, 0), ...number("jitterMs", action.jitterMs, 0)]
  }
  if ("duplicate" in action) return number("duplicate", action.duplicate, 1, { whole: true })
  if ("holdBehind" in action) {
    return [...number("holdBehind", action.holdBehind, 1, { whole: true }), ...number("atMostMs", action.atMostMs, 0)]
  }
  if ("status" in action) {
    return [
      ...number("status", action.status, 400, { greatest: 599, whole: true }),
      ...number("retryAfterMs", action.retryAfterMs, 0)
    ]
  }
  return "close" in action ? closeFrame("close", action.close, action.reason) : []
}

/** What cannot be done to a request, which has exactly one answer and no close frame. */
const notForRest = ["duplicate", "holdBehind", "close"]

/**
 * Checks the options of `when`.
 *
 * @category guards
 * @since 0.1.0
 */
export const rule = (when: When, action: What): Problems => {
  const whole = { whole: true }
  const isElsewhere = typeof action === "object" && "status" in action &&
    [when.point].flat().some((point) => point !== "rest")
  const impossible = [when.point].flat().every((point) => point === "rest") && typeof action === "object"
    ? notForRest.find((name) => name in action)
    : undefined
  return [
    ...number("nth", when.nth, 1, whole),
    ...number("from", when.from, 1, whole),
    ...number("to", when.to, 1, whole),
    ...number("rate", when.rate, 0, { greatest: 1 }),
    ...what(action),
    ...(isElsewhere ? problem("status", "only requests to the REST API are answered with a status") : []),
    ...(impossible === undefined
      ? []
      : problem(impossible, "a request to the REST API has one answer, which can only be delayed, replaced or dropped"))
  ]
}

/**
 * Checks the options of `datagrams`.
 *
 * @category guards
 * @since 0.1.0
 */
export const datagrams = (options: DatagramFaults): Problems => [
  ...(["loss", "corrupt", "duplicate", "reorder"] as const).flatMap((name) =>
    number(name, options[name], 0, { greatest: 1 })
  ),
  ...number("delayMs", options.delayMs, 0),
  ...number("jitterMs", options.jitterMs, 0)
]

/**
 * Checks the option `network` of the emulator.
 *
 * @category guards
 * @since 0.1.0
 */
export const network = (options: NetworkOptions = {}): Problems => [
  ...(["loss", "duplicate", "reorder"] as const).flatMap((name) =>
    number(`network.${name}`, options[name], 0, { greatest: 1 })
  ),
  ...(["latencyMs", "jitterMs", "reorderMs"] as const).flatMap((name) => number(`network.${name}`, options[name], 0))
]

const incident = (incident: Incident): Problems => {
  switch (incident._tag) {
    case "CloseVoice":
    case "CloseGateway":
      return closeFrame("code", incident.code)
    case "Datagrams":
      return datagrams(incident)
    case "MoveServer":
      return number("nullMs", incident.nullMs, 0)
    case "DelayEvents":
      return number("delayMs", incident.delayMs, 0)
    default:
      return []
  }
}

/**
 * Checks a schedule before it is played.
 *
 * @category guards
 * @since 0.1.0
 */
export const schedule = (steps: Schedule): Problems => steps.flatMap((step) => incident(step.incident))

/**
 * Fails with the first problem, if there is any.
 *
 * @category guards
 * @since 0.1.0
 */
export const check = (...problems: Problems): Effect.Effect<void, EmulatorError> => {
  const [first] = problems
  return first === undefined ? Effect.void : Effect.fail(makeError(first))
}
