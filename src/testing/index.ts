/**
 * Layers for testing programs that use this library. Each replaces one service and provides the controls with which a test
 * plays the other side. To test against a complete Discord, use `effect-discord-voice/emulator`, or `EmulatorProcess` if your
 * tests are not written with Effect.
 *
 * @since 0.1.0
 */
export * as EmulatorProcess from "./EmulatorProcess.ts"
export * as Hearing from "./Hearing.ts"
export * as MockDave from "./MockDave.ts"
export * as MockGateway from "./MockGateway.ts"
export * as MockOpusDecoder from "./MockOpusDecoder.ts"
export * as MockOpusEncoder from "./MockOpusEncoder.ts"
export * as MockTransport from "./MockTransport.ts"
export * as MockVoiceCrypto from "./MockVoiceCrypto.ts"
export * as MockVoiceDriver from "./MockVoiceDriver.ts"
export * as MockVoiceSocket from "./MockVoiceSocket.ts"
export * as MockVoiceUdp from "./MockVoiceUdp.ts"
export * as Time from "./Time.ts"
