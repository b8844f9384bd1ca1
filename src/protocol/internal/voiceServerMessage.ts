/**
 * The form of messages from the voice gateway to a client.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Lenient from "./lenient.ts"

/**
 * A message with one opcode. `seq` is its number in the replay buffer. It counts from 0, exists from version 8 on, and is not
 * present in every message.
 *
 * @category schemas
 * @since 0.1.0
 */
export const message = <const Op extends number, D extends Schema.Constraint>(op: Op, d: D) =>
  Schema.Struct({ op: Schema.tag(op), d, seq: Lenient.orAbsent(Schema.Natural) })
