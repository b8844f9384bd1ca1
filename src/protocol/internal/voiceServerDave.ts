/**
 * The JSON messages of the voice gateway about end-to-end encryption (DAVE whitepaper, Voice Gateway Opcodes). The others are
 * binary: `DaveFrame`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Lenient from "./lenient.ts"
import { message } from "./voiceServerMessage.ts"
import { Uint16 } from "./voiceShared.ts"

/**
 * Opcode 21: prepare for another DAVE protocol version. Transition 0 is executed immediately.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DavePrepareTransition = message(
  21,
  Schema.Struct({ protocol_version: Schema.Natural, transition_id: Uint16 })
)

/**
 * @category models
 * @since 0.1.0
 */
export type DavePrepareTransition = typeof DavePrepareTransition.Type

/**
 * Opcode 22: execute an announced transition.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DaveExecuteTransition = message(22, Schema.Struct({ transition_id: Uint16 }))

/**
 * @category models
 * @since 0.1.0
 */
export type DaveExecuteTransition = typeof DaveExecuteTransition.Type

/**
 * Opcode 24: prepare for another epoch; epoch 1 means a new group. `transition_id` is mentioned in Discord's text but not in
 * its tables.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DavePrepareEpoch = message(
  24,
  Schema.Struct({
    protocol_version: Schema.Natural,
    epoch: Schema.Natural,
    transition_id: Lenient.orAbsent(Uint16)
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type DavePrepareEpoch = typeof DavePrepareEpoch.Type
