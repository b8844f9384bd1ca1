/**
 * Discord's wire formats as pure values: schemas, codecs and tables, without services, sockets or clocks.
 *
 * @since 0.1.0
 */
export * as CloseCode from "./CloseCode.ts"
export * as Datagram from "./Datagram.ts"
export * as DaveFrame from "./DaveFrame.ts"
export * as E2eeFrame from "./E2eeFrame.ts"
export * as EncryptionMode from "./EncryptionMode.ts"
export * as GatewayPayload from "./GatewayPayload.ts"
export * as Identifier from "./Identifier.ts"
export * as IpDiscovery from "./IpDiscovery.ts"
export * as OpusPacket from "./OpusPacket.ts"
export * as RtcpPacket from "./RtcpPacket.ts"
export * as RtpPacket from "./RtpPacket.ts"
export * as VoicePayload from "./VoicePayload.ts"
