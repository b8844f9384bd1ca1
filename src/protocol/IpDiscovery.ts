/**
 * IP discovery: the datagram by which a client learns the address that the voice server sees it at (Discord docs, Voice
 * Connections, IP Discovery).
 *
 * There are two forms. The 74-byte form is the current one. The 70-byte form, without type and length and with a little-endian
 * port, has not been answered by Discord since March 2023; it is here for emulating servers of an older time.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { requireUint, setU16, setU32, u16, u32, u8 } from "./internal/bytes.ts"

/**
 * The forms of the datagram, by their length in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type Form = "74" | "70"

/**
 * The type of a 74-byte request.
 *
 * @category constants
 * @since 0.1.0
 */
export const typeRequest = 1

/**
 * The type of a 74-byte response.
 *
 * @category constants
 * @since 0.1.0
 */
export const typeResponse = 2

/**
 * The size of the address field in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const addressBytes = 64

/**
 * A datagram is not the expected request or response.
 *
 * - `BadLength`: neither 74 nor 70 bytes, or not the size of the requested form.
 * - `BadType`: a response instead of a request, or the other way round, or neither.
 * - `BadLengthField`: the length inside the 74-byte form is not 70.
 * - `BadAddress`: the address is empty or has characters other than visible ASCII.
 * - `BadPort`: the port is 0, which no datagram comes from.
 *
 * @category errors
 * @since 0.1.0
 */
export class IpDiscoveryError
  extends Schema.TaggedError<IpDiscoveryError>("effect-discord-voice/protocol/IpDiscoveryError")("IpDiscoveryError", {
    kind: Schema.Literals(["BadLength", "BadType", "BadLengthField", "BadAddress", "BadPort"]),
    /** The size of the datagram in bytes. */
    length: Schema.Int
  })
{
  override get message() {
    return `Not an IP discovery datagram: ${this.kind} (${this.length} bytes)`
  }
}

/**
 * A client's request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly form: Form
  readonly ssrc: number
  /** Whether all bytes after the SSRC are zero, as they must be: servers have left others unanswered. */
  readonly zeroed: boolean
}

/**
 * The server's response: the source address and port of the request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Response {
  readonly ssrc: number
  readonly address: string
  readonly port: number
}

/** The offset of the SSRC; the address follows it. */
const ssrcOffset = (form: Form): 4 | 0 => form === "74" ? 4 : 0

const make = (form: Form, type: number, ssrc: number): Uint8Array => {
  const bytes = new Uint8Array(form === "74" ? 74 : 70)
  if (form === "74") {
    setU16(bytes, 0, type)
    setU16(bytes, 2, 70)
  }
  setU32(bytes, ssrcOffset(form), requireUint("ssrc", ssrc, 0xffff_ffff))
  return bytes
}

const fail = (kind: IpDiscoveryError["kind"], bytes: Uint8Array): Result.Result<never, IpDiscoveryError> =>
  Result.fail(new IpDiscoveryError({ kind, length: bytes.length }))

const formOf = (bytes: Uint8Array): Form | undefined =>
  bytes.length === 74 ? "74" : bytes.length === 70 ? "70" : undefined

const envelopeProblem = (bytes: Uint8Array, form: Form, type: number): IpDiscoveryError["kind"] | undefined => {
  if (form === "70") return undefined
  if (u16(bytes, 0) !== type) return "BadType"
  return u16(bytes, 2) === 70 ? undefined : "BadLengthField"
}

/**
 * Encodes a request. Everything after the SSRC is zero. Throws a `RangeError` if the SSRC is out of range.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeRequest = (ssrc: number, form: Form = "74"): Uint8Array => make(form, typeRequest, ssrc)

/**
 * Decodes a request of the given form, or of the form that its length indicates. Nothing identifies the 70-byte form: any 70
 * bytes are one.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeRequest = (bytes: Uint8Array, form?: Form): Result.Result<Request, IpDiscoveryError> => {
  const actual = formOf(bytes)
  if (actual === undefined || (form !== undefined && form !== actual)) return fail("BadLength", bytes)
  const problem = envelopeProblem(bytes, actual, typeRequest)
  if (problem !== undefined) return fail(problem, bytes)
  const offset = ssrcOffset(actual)
  return Result.succeed({
    form: actual,
    ssrc: u32(bytes, offset),
    zeroed: bytes.subarray(offset + 4).every((byte) => byte === 0)
  })
}

const isVisible = (code: number): boolean => code > 0x20 && code < 0x7f

/**
 * Encodes a response. Throws a `RangeError` if the address is empty, longer than 64 characters or not visible ASCII, or if the
 * port or SSRC is out of range.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeResponse = (response: Response, form: Form = "74"): Uint8Array => {
  const { address, port, ssrc } = response
  const bytes = make(form, typeResponse, ssrc)
  const offset = ssrcOffset(form) + 4
  if (address.length < 1 || address.length > addressBytes) {
    throw new RangeError(`address must have 1 to ${addressBytes} characters, got ${address.length}`)
  }
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i)
    if (!isVisible(code)) throw new RangeError("address must be visible ASCII")
    bytes[offset + i] = code
  }
  requireUint("port - 1", port - 1, 0xfffe)
  const portOffset = offset + addressBytes
  if (form === "74") setU16(bytes, portOffset, port)
  else {
    bytes[portOffset] = port
    bytes[portOffset + 1] = port >>> 8
  }
  return bytes
}

/**
 * Decodes a response of the given form, or of the form that its length indicates. The address ends at the first NUL, or fills
 * its 64 bytes. The caller has to compare the SSRC.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeResponse = (bytes: Uint8Array, form?: Form): Result.Result<Response, IpDiscoveryError> => {
  const actual = formOf(bytes)
  if (actual === undefined || (form !== undefined && form !== actual)) return fail("BadLength", bytes)
  const problem = envelopeProblem(bytes, actual, typeResponse)
  if (problem !== undefined) return fail(problem, bytes)
  const offset = ssrcOffset(actual)
  const portOffset = offset + 4 + addressBytes
  let address = ""
  for (let i = offset + 4; i < portOffset; i++) {
    const code = u8(bytes, i)
    if (code === 0) break
    if (!isVisible(code)) return fail("BadAddress", bytes)
    address += String.fromCharCode(code)
  }
  if (address === "") return fail("BadAddress", bytes)
  const port = actual === "74"
    ? u16(bytes, portOffset)
    : u8(bytes, portOffset) | (u8(bytes, portOffset + 1) << 8)
  if (port === 0) return fail("BadPort", bytes)
  return Result.succeed({ ssrc: u32(bytes, offset), address, port })
}
