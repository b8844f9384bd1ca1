/**
 * Every parser of `src/protocol`, with seeds and with what must hold for anything it accepts: the value can be encoded
 * again, and decoding the result gives the same value.
 */
import { assert } from "@effect/vitest"
import { Predicate, Result } from "effect"
import { isDeepStrictEqual } from "node:util"
import {
  Datagram,
  DaveFrame,
  GatewayPayload,
  IpDiscovery,
  OpusPacket,
  RtcpPacket,
  RtpPacket,
  VoicePayload
} from "../../src/protocol/index.ts"
import type { Parser } from "./engine.ts"
import * as seeds from "./seeds.ts"

const same = (actual: unknown, expected: unknown): void => {
  if (!isDeepStrictEqual(actual, expected)) assert.deepStrictEqual(actual, expected)
}

/** A failure has to be a tagged error that says what is wrong. */
const checkFailure = (failure: { readonly _tag: string; readonly message: string }, tag: string): false => {
  if (failure._tag !== tag || failure.message.length === 0) assert.fail(`an error of ${tag} was due, got ${failure}`)
  return false
}

const bytesParser = <A, E extends { readonly _tag: string; readonly message: string }>(options: {
  readonly name: string
  readonly covers?: ReadonlyArray<string>
  readonly seeds: ReadonlyArray<Uint8Array>
  readonly tag: string
  readonly decode: (bytes: Uint8Array) => Result.Result<A, E>
  readonly encode?: (value: A) => Uint8Array
  readonly also?: (bytes: Uint8Array, result: Result.Result<A, E>) => void
}): Parser => ({
  name: options.name,
  covers: [options.name, ...(options.covers ?? [])],
  input: "bytes",
  seeds: options.seeds,
  run: (bytes) => {
    const result = options.decode(bytes)
    options.also?.(bytes, result)
    if (Result.isFailure(result)) return checkFailure(result.failure, options.tag)
    if (options.encode !== undefined) same(options.decode(options.encode(result.success)), result)
    return true
  }
})

const getOrFail = <A>(result: Result.Result<A, { readonly message: string }>): A =>
  Result.isSuccess(result) ? result.success : assert.fail(result.failure.message)

const isKnown = <A extends { readonly op: unknown }>(message: A | { readonly op: "unknown" }): message is A =>
  message.op !== "unknown"

/**
 * JSON loses differences that no peer can see (-0, the order of keys), so the second text is compared with the first,
 * instead of the values. Encoding may fail only with one of the kinds in `mayRefuse`.
 */
const textParser = <A extends { readonly op: unknown }, E extends { readonly _tag: string; readonly message: string }>(
  options: {
    readonly name: string
    readonly covers: ReadonlyArray<string>
    readonly seeds: ReadonlyArray<Uint8Array>
    readonly decode: (text: string) => Result.Result<A | { readonly op: "unknown" }, E>
    readonly encode: (message: A) => Result.Result<string, E & { readonly kind: string }>
    readonly mayRefuse?: ReadonlyArray<string>
  }
): Parser => ({
  name: options.name,
  covers: options.covers,
  input: "text",
  seeds: options.seeds,
  run: (bytes) => {
    const result = options.decode(new TextDecoder().decode(bytes))
    if (Result.isFailure(result)) return checkFailure(result.failure, "PayloadError")
    const message = result.success
    if (!isKnown(message)) return true
    const first = options.encode(message)
    if (Result.isFailure(first) && (options.mayRefuse ?? []).includes(first.failure.kind)) return true
    const text = getOrFail(first)
    const again = getOrFail(options.decode(text))
    if (!isKnown(again)) return assert.fail(`a known message came back as an unknown one: ${text}`)
    same(getOrFail(options.encode(again)), text)
    return true
  }
})

const header = RtpPacket.makeHeader()

const media: ReadonlyArray<Parser> = [
  bytesParser({
    name: "RtpPacket.decode",
    covers: ["RtpPacket.readHeader", "RtpPacket.unpad"],
    seeds: seeds.rtp,
    tag: "RtpError",
    decode: RtpPacket.decode,
    encode: RtpPacket.encode,
    also: (bytes, result) => {
      const error = RtpPacket.readHeader(bytes, bytes.length, header)
      if (error !== undefined) return same(Result.isFailure(result) ? result.failure : undefined, error)
      assert.isAtMost(header.clearLength, bytes.length)
      const unpadded = RtpPacket.unpad(bytes, bytes.length)
      if (!(unpadded >= -1 && unpadded < bytes.length)) assert.fail(`unpad gave ${unpadded}`)
    }
  }),
  bytesParser({
    name: "RtpPacket.decodeElements",
    seeds: seeds.rtpElements,
    tag: "RtpError",
    decode: RtpPacket.decodeElements,
    encode: RtpPacket.encodeElements
  }),
  bytesParser({
    name: "RtcpPacket.decode",
    seeds: seeds.rtcp,
    tag: "RtcpError",
    decode: RtcpPacket.decode,
    encode: (packets) => RtcpPacket.encode(packets)
  }),
  bytesParser({
    name: "IpDiscovery.decodeRequest",
    seeds: seeds.ipRequests,
    tag: "IpDiscoveryError",
    decode: (bytes) => IpDiscovery.decodeRequest(bytes),
    also: (_, result) => {
      if (Result.isFailure(result)) return
      const { form, ssrc } = result.success
      same(
        IpDiscovery.decodeRequest(IpDiscovery.encodeRequest(ssrc, form)),
        Result.succeed({ form, ssrc, zeroed: true })
      )
    }
  }),
  bytesParser({
    name: "IpDiscovery.decodeResponse",
    seeds: seeds.ipResponses,
    tag: "IpDiscoveryError",
    decode: (bytes) => IpDiscovery.decodeResponse(bytes),
    encode: (response) => IpDiscovery.encodeResponse(response)
  }),
  bytesParser({
    name: "Datagram.decodePing",
    seeds: seeds.pings,
    tag: "PingError",
    decode: Datagram.decodePing,
    encode: Datagram.encodePing
  }),
  bytesParser({
    name: "Datagram.decodePong",
    seeds: seeds.pongs,
    tag: "PingError",
    decode: Datagram.decodePong,
    encode: Datagram.encodePong
  }),
  {
    name: "Datagram.classify",
    covers: ["Datagram.classify"],
    input: "bytes",
    seeds: [
      ...seeds.rtpSealed,
      ...seeds.rtp,
      ...seeds.rtcp.filter((bytes) => bytes.length >= 12),
      ...seeds.ipRequests.filter((bytes) => bytes.length === 74),
      ...seeds.pings,
      ...seeds.pongs
    ],
    run: (bytes) => {
      const kind = Datagram.classify(bytes)
      const isPing = Result.isSuccess(Datagram.decodePing(bytes)) || Result.isSuccess(Datagram.decodePong(bytes))
      const is74 = bytes.length === 74
      const isDiscovery = is74 &&
        (Result.isSuccess(IpDiscovery.decodeRequest(bytes)) || Result.isSuccess(IpDiscovery.decodeResponse(bytes)))
      if (isPing) same(kind, "ping")
      if (isDiscovery) same(kind, "discovery")
      if (kind === "rtp" || kind === "rtcp") {
        assert.isAtLeast(bytes.length, 12)
        same((bytes[0] ?? 0) >>> 6, 2)
      }
      return kind !== "unknown"
    }
  },
  bytesParser({
    name: "OpusPacket.decode",
    covers: ["OpusPacket.samples", "OpusPacket.isSilence"],
    seeds: seeds.opusPackets,
    tag: "OpusError",
    decode: OpusPacket.decode,
    also: (bytes, result) => {
      const samples = OpusPacket.samples(bytes)
      same(Result.isSuccess(result) ? result.success.samples : -1, samples)
      if (samples === 0 || samples > OpusPacket.maxPacketSamples) assert.fail(`${samples} samples`)
      if (OpusPacket.isSilence(bytes)) same(samples, OpusPacket.silenceSamples)
    }
  })
]

const dave: ReadonlyArray<Parser> = [
  bytesParser({
    name: "DaveFrame.decodeServer",
    seeds: seeds.daveServer,
    tag: "FrameError",
    decode: DaveFrame.decodeServer,
    encode: (frame) => getOrFail(DaveFrame.encodeServer(frame))
  }),
  bytesParser({
    name: "DaveFrame.decodeClient",
    seeds: seeds.daveClient,
    tag: "FrameError",
    decode: DaveFrame.decodeClient,
    encode: (frame) => getOrFail(DaveFrame.encodeClient(frame))
  })
]

const gateway: ReadonlyArray<Parser> = [
  textParser({
    name: "GatewayPayload.decodeServer",
    covers: ["GatewayPayload.decodeServer"],
    seeds: seeds.gatewayServer,
    decode: GatewayPayload.decodeServer,
    encode: GatewayPayload.encodeServer
  }),
  textParser({
    name: "GatewayPayload.decodeClient",
    covers: ["GatewayPayload.decodeClient"],
    seeds: seeds.gatewayClient,
    decode: GatewayPayload.decodeClient,
    encode: GatewayPayload.encodeClient,
    // The encoded text can be longer than the input: "1e3" is one byte shorter than "1000".
    mayRefuse: ["TooLarge"]
  })
]

const voice: ReadonlyArray<Parser> = ([1, 2, 3, 4, 5, 6, 7, 8, 9] as const).flatMap((version) => [
  textParser({
    name: `VoicePayload.decodeServer, version ${version}`,
    covers: ["VoicePayload.decodeServer"],
    seeds: seeds.voiceServer,
    decode: (text) => VoicePayload.decodeServer(version, text),
    encode: (message: VoicePayload.ServerMessage) => VoicePayload.encodeServer(version, message)
  }),
  textParser({
    name: `VoicePayload.decodeClient, version ${version}`,
    covers: ["VoicePayload.decodeClient"],
    seeds: seeds.voiceClient,
    decode: (text) => VoicePayload.decodeClient(version, text),
    encode: (message: VoicePayload.ClientMessage) => VoicePayload.encodeClient(version, message)
  })
])

/** All of them. */
export const parsers: ReadonlyArray<Parser> = [...media, ...dave, ...gateway, ...voice]

/** The names of a module's exported functions that take input from the network. */
export const parsersOf = (name: string, module: object): ReadonlyArray<string> =>
  Object.entries(module).flatMap(([key, value]) =>
    Predicate.isFunction(value) && /^(decode|read|unpad|classify|samples|isSilence)/.test(key) ? [`${name}.${key}`] : []
  )
