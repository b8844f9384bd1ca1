/**
 * Answers of Discord's REST API. Errors have Discord's bodies (Discord docs, Opcodes and Status Codes, JSON Error Codes).
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface RestResponse {
  /** 0 if a fault leaves the request without an answer: its connection ends. */
  readonly status: number
  /** Written as JSON; `undefined` for an empty body. */
  readonly body: unknown
  /** Written as it is, instead of `body`. */
  readonly text?: string
  /** The same, with a `content-type` among the `headers`. */
  readonly bytes?: Uint8Array
  readonly headers?: { readonly [name: string]: string }
  /** Milliseconds to wait before answering, because of a fault. */
  readonly delayMs?: number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const ok = (body: unknown): RestResponse => ({ status: 200, body })

/**
 * @category constructors
 * @since 0.1.0
 */
export const error = (status: number, code: number, message: string): RestResponse => ({
  status,
  body: { message, code }
})

/**
 * Success without content.
 *
 * @category constants
 * @since 0.1.0
 */
export const nothing: RestResponse = { status: 204, body: undefined }

/**
 * @category constants
 * @since 0.1.0
 */
export const invalidJson: RestResponse = error(400, 50109, "The request body contains invalid JSON.")

/**
 * @category constants
 * @since 0.1.0
 */
export const unknownChannel: RestResponse = error(404, 10003, "Unknown Channel")

/**
 * @category constants
 * @since 0.1.0
 */
export const unknownMessage: RestResponse = error(404, 10008, "Unknown Message")

/**
 * @category constants
 * @since 0.1.0
 */
export const emptyMessage: RestResponse = error(400, 50006, "Cannot send an empty message")

/**
 * The answer to changing a message that nobody has written.
 *
 * @category constants
 * @since 0.1.0
 */
export const ofSystem: RestResponse = error(403, 50021, "Cannot execute action on a system message")

/**
 * @category constants
 * @since 0.1.0
 */
export const missingPermissions: RestResponse = error(403, 50013, "Missing Permissions")

/**
 * @category constants
 * @since 0.1.0
 */
export const missingAccess: RestResponse = error(403, 50001, "Missing Access")

/**
 * @category constants
 * @since 0.1.0
 */
export const wrongKind: RestResponse = error(400, 50024, "Cannot execute action on this channel type")

/**
 * @category constants
 * @since 0.1.0
 */
export const wrongMethod: RestResponse = error(405, 0, "405: Method Not Allowed")

/**
 * @category constants
 * @since 0.1.0
 */
export const unknownWebhook: RestResponse = error(404, 10015, "Unknown Webhook")

/**
 * @category constants
 * @since 0.1.0
 */
export const invalidToken: RestResponse = error(401, 50027, "Invalid Webhook Token")

/**
 * Answers requests for which the token in the path is sufficient; `undefined` for all others.
 *
 * @category models
 * @since 0.1.0
 */
export type ByToken = (
  method: string,
  path: string,
  query: string,
  body: string | Uint8Array | undefined
) => RestResponse | undefined
