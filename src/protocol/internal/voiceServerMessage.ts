/**
 * The shape of what the voice gateway sends to a client.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Lenient from "./lenient.ts"

/**
 * A message of one opcode. `seq` is its number in the replay buffer; it counts from 0, exists from version 8 on, and not every
 * message has one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const message = <const Op extends number, D extends Schema.Constraint>(op: Op, d: D) =>
  Schema.Struct({ op: Schema.tag(op), d, seq: Lenient.orAbsent(Schema.Natural) })
