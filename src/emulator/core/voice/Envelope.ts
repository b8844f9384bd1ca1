/**
 * What is known about a message before it is decoded: its opcode, and the token of one that introduces a client.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Envelope {
  readonly op: number | undefined
  readonly d: unknown
}

/**
 * Never throws: something that is not a message has no opcode.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (frame: string | Uint8Array): Envelope => {
  if (typeof frame !== "string") return { op: frame[0], d: undefined }
  try {
    const value: unknown = JSON.parse(frame)
    if (typeof value !== "object" || value === null) return { op: undefined, d: undefined }
    return {
      op: "op" in value && typeof value.op === "number" ? value.op : undefined,
      d: "d" in value ? value.d : undefined
    }
  } catch {
    return { op: undefined, d: undefined }
  }
}

/**
 * Whether it is a Speaking (op 5) with a boolean, as in versions below 4.
 *
 * @category guards
 * @since 0.1.0
 */
export const isBooleanSpeaking = ({ d, op }: Envelope): boolean =>
  op === 5 && typeof d === "object" && d !== null && "speaking" in d && typeof d.speaking === "boolean"

/**
 * The token of an Identify or a Resume.
 *
 * @category combinators
 * @since 0.1.0
 */
export const tokenOf = ({ d, op }: Envelope): string | undefined =>
  (op === 0 || op === 7) && typeof d === "object" && d !== null && "token" in d && typeof d.token === "string"
    ? d.token
    : undefined
