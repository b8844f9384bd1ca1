/**
 * The messages of the voice gateway to a client: one schema per message, in the form of gateway version 8. Those about the
 * session, its users and end-to-end encryption have their own modules; this one has those that nothing reads, and the union of
 * all.
 *
 * A message is malformed if a field that something here depends on is missing or wrong. All other fields are read if possible,
 * and absent if not.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { DaveExecuteTransition, DavePrepareEpoch, DavePrepareTransition } from "./voiceServerDave.ts"
import { message } from "./voiceServerMessage.ts"
import {
  HeartbeatAck,
  Hello,
  Ready,
  Resumed,
  ServerBackendVersion,
  ServerHeartbeat,
  ServerSessionUpdate,
  SessionDescription
} from "./voiceServerSession.ts"
import {
  ClientDisconnect,
  ClientFlags,
  ClientPlatform,
  ClientsConnect,
  ServerMediaSinkWants,
  ServerSpeaking,
  ServerVideo
} from "./voiceServerUsers.ts"

/**
 * Opcode 10: signaling of the long obsolete peer-to-peer calls. Opaque.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerSignal = message(10, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type ServerSignal = typeof ServerSignal.Type

/**
 * Opcode 17: obsolete. Opaque.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChannelOptionsUpdate = message(17, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type ChannelOptionsUpdate = typeof ChannelOptionsUpdate.Type

/**
 * Opcode 19: speed test. Opaque, and not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SpeedTest = message(19, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type SpeedTest = typeof SpeedTest.Type

/**
 * Every JSON message of the voice gateway, discriminated by `op`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerMessage = Schema.Union([
  Ready,
  ServerHeartbeat,
  SessionDescription,
  ServerSpeaking,
  HeartbeatAck,
  Hello,
  Resumed,
  ServerSignal,
  ClientsConnect,
  ServerVideo,
  ClientDisconnect,
  ServerSessionUpdate,
  ServerMediaSinkWants,
  ServerBackendVersion,
  ChannelOptionsUpdate,
  ClientFlags,
  SpeedTest,
  ClientPlatform,
  DavePrepareTransition,
  DaveExecuteTransition,
  DavePrepareEpoch
]).pipe(Schema.toTaggedUnion("op"))

/**
 * @category models
 * @since 0.1.0
 */
export type ServerMessage = typeof ServerMessage.Type
