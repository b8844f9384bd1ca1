/**
 * What the voice gateway sends to a client: one schema a message, in the shape of gateway version 8. Those of the
 * session, of its users and of end-to-end encryption have a module each; here are those that nobody reads, and all together.
 *
 * A message is malformed if a field is missing or wrong that something here depends on. All others are read if they can be, and
 * absent if not.
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
 * Opcode 10: signalling of the long dead peer-to-peer calls. Opaque.
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
 * Opcode 17: dead. Opaque.
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
