/**
 * Describes what was wrong with a message for which a client's connection is closed, and what it should have been: Discord
 * sends only a close code. The texts contain no tokens or session ids.
 *
 * @since 0.1.0
 */
import type { PayloadError } from "../../../protocol/VoicePayload.ts"

const names: { readonly [op: number]: string } = {
  0: "Identify",
  1: "Select Protocol",
  3: "Heartbeat",
  5: "Speaking",
  7: "Resume",
  12: "Video"
}

/**
 * An opcode of the voice gateway with its name: `Speaking (op 5)`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const opcode = (op: number): string => {
  const name = names[op]
  return name === undefined ? `op ${op}` : `${name} (op ${op})`
}

/**
 * The text of a violation that ends a connection.
 *
 * @category combinators
 * @since 0.1.0
 */
export const verdict = (code: number, reason: string, detail: string): string =>
  `voice gateway: ${reason} (${code})${detail === "" ? "" : `: ${detail}`}`

/**
 * The first field of a message that is missing or has the wrong type.
 *
 * @category combinators
 * @since 0.1.0
 */
export const malformed = ({ detail, op }: PayloadError): string =>
  op === undefined ? detail : `${opcode(op)}: ${detail}`

/**
 * A message on a connection that has no session.
 *
 * @category combinators
 * @since 0.1.0
 */
export const tooEarly = (op: number): string =>
  `${opcode(op)} was sent before Identify (op 0) or Resume (op 7), one of which must follow Hello`

/**
 * Identify or Resume on a connection that already has a session.
 *
 * @category combinators
 * @since 0.1.0
 */
export const again = (op: number): string =>
  `${opcode(op)} was sent a second time on this connection: beginning or resuming a session requires a new WebSocket`

/**
 * An opcode that only servers send, or nobody.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unknown = (op: number): string => `clients do not send op ${op}`
