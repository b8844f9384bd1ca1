/**
 * The differences between the versions of the voice gateway, as tables. In memory there is one form, that of version 8: `lift`
 * converts the wire format of an older version to it, and `lower` does the reverse. Both are total: what they cannot read is
 * left for the schema to reject.
 *
 * @since 0.1.0
 */
import { isWire, type Wire } from "./PayloadError.ts"

interface Rule {
  /** The opcode that the rule is about. */
  readonly op: number
  /** The rule applies to versions below this one. */
  readonly below: number
  readonly lift: (d: unknown) => unknown
  readonly lower: (d: unknown) => unknown
}

const always = 10

const same = (d: unknown): unknown => d

const without = (key: string) => (d: unknown): unknown => {
  if (!isWire(d)) return d
  const { [key]: _, ...rest } = d
  return rest
}

const bareNonce = (op: number): Rule => ({
  op,
  below: 8,
  lift: (d) => ({ t: d }),
  lower: (d) => isWire(d) ? d["t"] : d
})

const booleanSpeaking: Rule = {
  op: 5,
  below: 4,
  lift: (d) => isWire(d) ? { ...d, speaking: typeof d["speaking"] === "boolean" ? Number(d["speaking"]) : null } : d,
  lower: (d) => isWire(d) && "speaking" in d ? { ...d, speaking: d["speaking"] !== 0 } : d
}

/** Some clients still send a boolean in versions that have bits for it, such as the descendants of discordgo, and are heard. */
const eitherSpeaking: Rule = {
  op: 5,
  below: always,
  lift: (d) => isWire(d) && typeof d["speaking"] === "boolean" ? { ...d, speaking: Number(d["speaking"]) } : d,
  lower: same
}

const emptyObject = (op: number): Rule => ({ op, below: always, lift: (d) => d ?? {}, lower: same })

/** The content is not used. */
const anyObject = (op: number): Rule => ({ op, below: always, lift: (d) => isWire(d) ? d : {}, lower: same })

const isNonce = (d: unknown): boolean => isWire(d) && Number.isInteger(d["t"])

const clientRules: ReadonlyArray<Rule> = [
  bareNonce(3),
  booleanSpeaking,
  eitherSpeaking,
  { op: 7, below: 8, lift: without("seq_ack"), lower: without("seq_ack") },
  { op: 0, below: 9, lift: without("channel_id"), lower: without("channel_id") },
  { op: 7, below: 9, lift: without("channel_id"), lower: without("channel_id") },
  emptyObject(16),
  emptyObject(32)
]

const serverRules: ReadonlyArray<Rule> = [
  bareNonce(3),
  // What a heartbeat request carries is undocumented, and does not matter.
  { op: 3, below: always, lift: (d) => isNonce(d) ? d : null, lower: same },
  booleanSpeaking,
  bareNonce(6),
  { op: 9, below: always, lift: () => null, lower: same },
  anyObject(14),
  anyObject(16)
]

const apply = (rules: ReadonlyArray<Rule>, direction: "lift" | "lower", version: number, wire: Wire): Wire => {
  let d = wire["d"]
  for (const rule of rules) {
    if (rule.op === wire["op"] && version < rule.below) d = rule[direction](d)
  }
  return d === wire["d"] ? wire : { ...wire, d }
}

const withoutSeq = (wire: Wire): Wire => {
  const { seq: _, ...rest } = wire
  return rest
}

/**
 * @category codecs
 * @since 0.1.0
 */
export const liftClient = (version: number, wire: Wire): Wire => apply(clientRules, "lift", version, wire)

/**
 * @category codecs
 * @since 0.1.0
 */
export const lowerClient = (version: number, wire: Wire): Wire => apply(clientRules, "lower", version, wire)

/**
 * @category codecs
 * @since 0.1.0
 */
export const liftServer = (version: number, wire: Wire): Wire => {
  let lifted = version < 8 ? withoutSeq(wire) : wire
  if (version < 3 && !("op" in wire) && "heartbeat_interval" in wire) {
    lifted = { op: 8, d: { heartbeat_interval: wire["heartbeat_interval"] } }
  }
  if (version === 1 && lifted["op"] === 3) lifted = { ...lifted, op: 6 }
  return apply(serverRules, "lift", version, lifted)
}

/**
 * Returns `undefined` if the version cannot express the message: a heartbeat request in version 1, where opcode 3 from the
 * server is the acknowledgement.
 *
 * @category codecs
 * @since 0.1.0
 */
export const lowerServer = (version: number, wire: Wire): Wire | undefined => {
  if (version === 1 && wire["op"] === 3) return undefined
  const lowered = apply(serverRules, "lower", version, version < 8 ? withoutSeq(wire) : wire)
  const d = lowered["d"]
  if (version < 3 && lowered["op"] === 8 && isWire(d)) return { heartbeat_interval: d["heartbeat_interval"] }
  return version === 1 && lowered["op"] === 6 ? { ...lowered, op: 3 } : lowered
}
