/**
 * Discord voice for Effect programs, with one namespace per module. The emulator, the mock layers and the pure values of the
 * wire format have entry points of their own: `effect-discord-voice/emulator`, `effect-discord-voice/testing` and
 * `effect-discord-voice/protocol`.
 *
 * @since 0.1.0
 */
export * as AudioSource from "./audio/AudioSource.ts"
export * as Track from "./audio/Track.ts"
export * as TrackQueue from "./audio/TrackQueue.ts"
export * as AudioClock from "./AudioClock.ts"
export * as Dave from "./Dave.ts"
export * as Doctor from "./Doctor.ts"
export * as Gateway from "./Gateway.ts"
export * as Metrics from "./Metrics.ts"
export * as Mixer from "./Mixer.ts"
export * as NewSpace from "./NewSpace.ts"
export * as OpusDecoder from "./OpusDecoder.ts"
export * as OpusEncoder from "./OpusEncoder.ts"
export { ChannelId, GuildId, Ssrc, UserId } from "./protocol/Identifier.ts"
export * as Receive from "./receive/Receive.ts"
export * as Recorder from "./receive/Recorder.ts"
export * as Utterances from "./receive/Utterances.ts"
export * as VoiceActivity from "./receive/VoiceActivity.ts"
export * as FrameRing from "./ring/FrameRing.ts"
export * as SoundEffect from "./SoundEffect.ts"
export * as Station from "./Station.ts"
export * as Transport from "./Transport.ts"
export * as Voice from "./Voice.ts"
export * as VoiceCrypto from "./VoiceCrypto.ts"
export * as VoiceDriver from "./VoiceDriver.ts"
export * as VoiceError from "./VoiceError.ts"
export * as VoiceSession from "./VoiceSession.ts"
export * as VoiceSessions from "./VoiceSessions.ts"
export * as VoiceSocket from "./VoiceSocket.ts"
export * as VoiceUdp from "./VoiceUdp.ts"
export * as WireLog from "./WireLog.ts"
