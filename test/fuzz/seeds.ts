import { fromHex } from "../vectors/hex.ts"
import ipDiscovery from "../vectors/ip-discovery.json" with { type: "json" }
import opus from "../vectors/opus-toc.json" with { type: "json" }
import rtcpVectors from "../vectors/rtcp.json" with { type: "json" }
import rtpVectors from "../vectors/rtp.json" with { type: "json" }

const bytes = (vectors: ReadonlyArray<{ readonly hex: string }>): ReadonlyArray<Uint8Array> =>
  vectors.map(({ hex }) => fromHex(hex))

const json = (messages: ReadonlyArray<unknown>): ReadonlyArray<Uint8Array> =>
  messages.map((message) => new TextEncoder().encode(JSON.stringify(message)))

export const rtp = bytes(rtpVectors.packets)
export const rtpSealed = bytes(rtpVectors.sealed)
export const rtpElements = bytes(rtpVectors.elements)
export const rtcp = bytes(rtcpVectors.valid)
export const ipRequests = bytes(ipDiscovery.requests)
export const ipResponses = bytes([...ipDiscovery.responses, ...ipDiscovery.tolerated])
export const opusPackets = bytes(opus.valid)
export const pings = bytes([{ hex: "1337cafe00000001" }, { hex: "1337cafeffffffff" }])
export const pongs = bytes([{ hex: "1337f00d00000001" }, { hex: "1337f00dffffffff" }])

export const daveServer = bytes([
  { hex: "0000 19 40*65 0001 08 0102030405060708" },
  { hex: "ffff 1b 00 aabbcc" },
  { hex: "0100 1b 01" },
  { hex: "0001 1d 0000 000100020102" },
  { hex: "0002 1e ffff" }
])

export const daveClient = bytes([{ hex: "1a 0001000200 41*40" }, { hex: "1c 000100010203" }, { hex: "1a" }])

const server = "41771983423143937"
const user = "104694319306248192"
const stream = { type: "video", rid: "100", quality: 100, active: false, ssrc: 3, rtx_ssrc: 4 }
const codec = { name: "opus", type: "audio", priority: 1000, payload_type: 120 }

export const voiceServer = json([
  { heartbeat_interval: 41250 },
  {
    op: 2,
    d: {
      ssrc: 1,
      ip: "127.0.0.1",
      port: 1234,
      modes: ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize", "one_to_come"],
      experiments: [],
      streams: [stream],
      heartbeat_interval: 1
    }
  },
  { op: 3, d: 7 },
  { op: 3, d: { t: 7, seq_ack: 1 } },
  {
    op: 4,
    d: {
      mode: "aead_aes256_gcm_rtpsize",
      secret_key: Array.from({ length: 32 }, (_, index) => index),
      dave_protocol_version: 1,
      audio_codec: "opus",
      video_codec: "H264",
      media_session_id: "f"
    },
    seq: 0
  },
  { op: 5, d: { speaking: 1, ssrc: 2, user_id: user }, seq: 1 },
  { op: 5, d: { speaking: true, ssrc: 2, user_id: user } },
  { op: 6, d: 1501184119561 },
  { op: 6, d: { t: 1501184119561 } },
  { op: 8, d: { v: 8, heartbeat_interval: 13750.0 } },
  { op: 9, d: null },
  { op: 11, d: { user_ids: [user, server] }, seq: 2 },
  { op: 12, d: { user_id: user, audio_ssrc: 2, video_ssrc: 3, rtx_ssrc: 4, streams: [stream] }, seq: 3 },
  { op: 13, d: { user_id: user }, seq: 65535 },
  { op: 14, d: { audio_codec: "opus", video_codec: "VP8", media_session_id: "f", keyframe_interval: 1 } },
  { op: 15, d: { any: 100, pixelCounts: { 3: 921600 }, 3: 100 } },
  { op: 16, d: { voice: "0.9.1", rtc_worker: "0.3.35" } },
  { op: 18, d: { user_id: user, flags: 2 } },
  { op: 20, d: { user_id: user, platform: null } },
  { op: 21, d: { protocol_version: 1, transition_id: 0 } },
  { op: 22, d: { transition_id: 10 } },
  { op: 24, d: { protocol_version: 1, epoch: 1 } },
  { op: 99, d: { anything: [1, { else: null }] }, seq: 4 }
])

export const voiceClient = json([
  {
    op: 0,
    d: {
      server_id: server,
      user_id: user,
      session_id: "30f32c5d54ae86130fc4a215c7474263",
      token: "66d29164ee8cd919",
      max_dave_protocol_version: 1,
      channel_id: server,
      video: false,
      streams: [stream]
    }
  },
  {
    op: 1,
    d: {
      protocol: "udp",
      data: { address: "127.0.0.1", port: 1337, mode: "aead_aes256_gcm_rtpsize" },
      codecs: [codec],
      experiments: []
    }
  },
  { op: 3, d: 1501184119561 },
  { op: 3, d: { t: 1501184119561, seq_ack: -1 } },
  { op: 5, d: { speaking: 5, delay: 0, ssrc: 1 } },
  { op: 5, d: { speaking: false, delay: 0, ssrc: 1 } },
  {
    op: 7,
    d: {
      server_id: server,
      session_id: "30f32c5d54ae86130fc4a215c7474263",
      token: "66d29164ee8cd919",
      seq_ack: 10,
      channel_id: server
    }
  },
  { op: 12, d: { audio_ssrc: 1, video_ssrc: 0, rtx_ssrc: 0, streams: [] } },
  { op: 14, d: { codecs: [codec] } },
  { op: 15, d: { any: 100 } },
  { op: 16, d: {} },
  { op: 23, d: { transition_id: 0 } },
  { op: 31, d: { transition_id: 65535 } },
  { op: 32, d: {} },
  { op: 99, d: "anything" }
])

const voiceState = {
  guild_id: server,
  channel_id: server,
  user_id: user,
  session_id: "90326bd25d71d39b9ef95b299e3872ff",
  deaf: false,
  mute: false,
  self_deaf: false,
  self_mute: true,
  self_video: false,
  suppress: false,
  request_to_speak_timestamp: "2021-03-31T18:45:31.297561+00:00"
}

export const gatewayServer = json([
  { op: 10, d: { heartbeat_interval: 45000, _trace: ["x"] }, s: null, t: null },
  { op: 11, d: null, s: null, t: null },
  { op: 1, d: null, s: null, t: null },
  { op: 7, d: null, s: null, t: null },
  { op: 9, d: false, s: null, t: null },
  {
    op: 0,
    s: 1,
    t: "READY",
    d: {
      v: 10,
      user: { id: user, username: "bot" },
      guilds: [{ id: server, unavailable: true }],
      session_id: "a",
      resume_gateway_url: "wss://gateway.discord.gg",
      application: { id: user, flags: 0 }
    }
  },
  { op: 0, s: 2, t: "RESUMED", d: {} },
  { op: 0, s: 3, t: "VOICE_STATE_UPDATE", d: voiceState },
  { op: 0, s: 4, t: "VOICE_STATE_UPDATE", d: { ...voiceState, channel_id: null, request_to_speak_timestamp: null } },
  { op: 0, s: 5, t: "VOICE_SERVER_UPDATE", d: { token: "t", guild_id: server, endpoint: "a.discord.media:2048" } },
  { op: 0, s: 6, t: "VOICE_SERVER_UPDATE", d: { token: "t", guild_id: server, endpoint: null } },
  { op: 0, s: 7, t: "GUILD_CREATE", d: { id: server, voice_states: [voiceState], unavailable: false } },
  { op: 0, s: 8, t: "MESSAGE_CREATE", d: { id: "1", content: "é😀" } },
  { op: 99, d: null, s: null, t: null }
])

export const gatewayClient = json([
  { op: 1, d: null },
  { op: 1, d: 251 },
  {
    op: 2,
    d: {
      token: "t",
      properties: { os: "linux", browser: "x", device: "x" },
      intents: 129,
      compress: false,
      large_threshold: 250,
      shard: [0, 1],
      presence: { status: "online", activities: [], since: null, afk: false }
    }
  },
  { op: 4, d: { guild_id: server, channel_id: server, self_mute: false, self_deaf: true } },
  { op: 4, d: { guild_id: server, channel_id: null, self_mute: false, self_deaf: false } },
  { op: 6, d: { token: "t", session_id: "a", seq: 1337 } },
  { op: 99, d: null }
])
