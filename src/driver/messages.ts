/**
 * The messages between `Thread.ts` and the driver that works for it.
 *
 * @since 0.1.0
 */
import type * as LogLevel from "effect/LogLevel"
import * as Schema from "effect/Schema"
import { EncryptionMode } from "../protocol/EncryptionMode.ts"
import type { Entry } from "../transport/wire/Entry.ts"
import type { Datagrams } from "../transport/wire/Log.ts"

/**
 * The configuration of the driver in the thread. It is sent there, so it is plain data.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ThreadOptions = Schema.Struct({
  /** The options of `Transport.layerWebSocketWith`. */
  webSocket: Schema.optional(Schema.Struct({
    ca: Schema.optional(Schema.Union([Schema.String, Schema.Array(Schema.String)]))
  })),
  /** The options of `Transport.layerDatagramWith`. */
  datagram: Schema.optional(Schema.Struct({
    receiveBufferBytes: Schema.optional(Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0))))
  })),
  /** The options of `VoiceCrypto.layerWith`. */
  crypto: Schema.optional(Schema.Struct({
    preference: Schema.optional(Schema.Array(EncryptionMode))
  })),
  /**
   * Where the groups of end-to-end encrypted calls are kept: in another thread (`Dave.layerThread`), in the driver's thread
   * (`Dave.layer`), or nowhere (`Dave.layerDisabled`). Default "thread".
   */
  dave: Schema.optional(Schema.Literals(["thread", "driver", "disabled"]))
})

/**
 * @category models
 * @since 0.1.0
 */
export type ThreadOptions = typeof ThreadOptions.Type

/**
 * @category models
 * @since 0.1.0
 */
export type ToDriver =
  /** Always the first message. */
  | {
    readonly _tag: "Begin"
    readonly options: ThreadOptions
    readonly logLevel: LogLevel.LogLevel
    /** Present if the wire is logged: what is kept, and when the log began on the monotonic clock that all threads share. */
    readonly wire: { readonly datagrams: Datagrams; readonly originNanos: bigint } | undefined
  }
  /** A message of `MessagePortLine`, in either direction. */
  | { readonly _tag: "Line"; readonly message: unknown }

/**
 * @category models
 * @since 0.1.0
 */
export type FromDriver =
  | { readonly _tag: "Line"; readonly message: unknown }
  | { readonly _tag: "Log"; readonly level: LogLevel.Severity; readonly text: string }
  | { readonly _tag: "Wire"; readonly entry: Entry }
  /** The driver has ended by itself. */
  | { readonly _tag: "Died"; readonly detail: string }
