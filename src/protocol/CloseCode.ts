/**
 * The WebSocket close codes of Discord's two gateways as data: the name and meaning of each code, what a user can do about it,
 * and how a client reacts. The same number means different things on the two gateways (4006, 4009, 4014 and others), so there
 * are two tables and two functions.
 *
 * To use another policy, map over the table: no other code here branches on a close code.
 *
 * @since 0.1.0
 */

export type { CloseCode } from "./internal/closeCode.ts"

export {
  gateway,
  type GatewayCloseCode,
  type GatewayCloseName,
  type GatewayReaction,
  gatewayTable
} from "./internal/gatewayCloseCode.ts"

export {
  voice,
  type VoiceCloseCode,
  type VoiceCloseName,
  type VoiceReaction,
  voiceTable
} from "./internal/voiceCloseCode.ts"
