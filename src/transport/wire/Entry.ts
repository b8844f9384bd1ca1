/**
 * The lines of a wire log.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const at = {
  /** Milliseconds since the log began, on the monotonic clock. */
  at: Schema.Finite,
  /**
   * The socket: its kind and a number, such as "voice 2". For sockets of a thread, the thread's number comes first, as in
   * "voice 3.2".
   */
  socket: Schema.String
}

const direction = Schema.Literals(["in", "out"])

/**
 * The kinds of datagrams, by their first bytes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DatagramKind = Schema.Literals(["rtp", "rtcp", "discovery", "ping", "unknown"])

/**
 * @category models
 * @since 0.1.0
 */
export type DatagramKind = typeof DatagramKind.Type

const Tally = Schema.Struct({ packets: Schema.Int, bytes: Schema.Int })

/**
 * One line. By `kind`:
 *
 * - `begin`: the first line.
 * - `open`: a socket is being opened to `remote`, a URL without secrets, or an address with its port.
 * - `refused`: it could not be opened.
 * - `message`: a text message of a WebSocket. `message` is its JSON without secrets, as far as it is kept; absent if the text
 *   is not JSON.
 * - `binary`: a binary message of a WebSocket, its first 64 KiB in hexadecimal digits.
 * - `datagram`: one datagram; `header` contains its first 16 bytes in hexadecimal digits, or as many as come before audio.
 * - `datagrams`: how many were received and sent since the last line of this kind.
 * - `closing`: this side closes a WebSocket.
 * - `closed`: it has ended, with the code and reason of the other side, if it gave any (1005, 1006: it did not).
 * - `released`: the scope of the socket has closed.
 * - `full`: the log has reached its limit, and ends.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("begin"),
    at: Schema.Finite,
    format: Schema.Literal(1),
    time: Schema.String,
    node: Schema.String,
    system: Schema.String
  }),
  Schema.Struct({ kind: Schema.Literal("open"), ...at, remote: Schema.String, ssrc: Schema.optionalKey(Schema.Int) }),
  Schema.Struct({ kind: Schema.Literal("refused"), ...at, detail: Schema.String }),
  Schema.Struct({
    kind: Schema.Literal("message"),
    ...at,
    direction,
    bytes: Schema.Int,
    message: Schema.optionalKey(Schema.Unknown)
  }),
  Schema.Struct({ kind: Schema.Literal("binary"), ...at, direction, bytes: Schema.Int, hex: Schema.String }),
  Schema.Struct({
    kind: Schema.Literal("datagram"),
    ...at,
    direction,
    bytes: Schema.Int,
    type: DatagramKind,
    header: Schema.String
  }),
  Schema.Struct({
    kind: Schema.Literal("datagrams"),
    ...at,
    sent: Schema.Record(Schema.String, Tally),
    received: Schema.Record(Schema.String, Tally)
  }),
  Schema.Struct({ kind: Schema.Literals(["closing", "closed"]), ...at, code: Schema.Int, reason: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("released"), ...at }),
  Schema.Struct({ kind: Schema.Literal("full"), at: Schema.Finite })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Entry = typeof Entry.Type
