/**
 * A voice half with its own clock, and clients that implement the wire format independently of the source: their ciphers
 * come from @noble/ciphers, and their RTP reader is written here.
 */
import { assert } from "@effect/vitest"
import { gcm } from "@noble/ciphers/aes.js"
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js"
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js"
import type { Address, CoreContext, Output, VoiceGrant } from "../../../../src/emulator/core/CoreContext.ts"
import * as Faults from "../../../../src/emulator/core/faults/Faults.ts"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as Timers from "../../../../src/emulator/core/Timers.ts"
import * as Verdicts from "../../../../src/emulator/core/Verdicts.ts"
import { makeVoiceHalf, type VoiceHooks } from "../../../../src/emulator/core/voice/VoiceHalf.ts"
import { ChannelId, GuildId, UserId } from "../../../../src/protocol/Identifier.ts"

export const guildId = GuildId.make("100")
export const channelId = ChannelId.make("200")
export const otherChannelId = ChannelId.make("201")
export const server = 1
export const udp: Address = { address: "10.0.0.1", port: 50000 }

export type Message = { readonly op?: number; readonly d?: unknown; readonly seq?: number }

export const makeWorld = (
  profile: Profile = today,
  hooks: VoiceHooks = {},
  seed = 1,
  knewToken: (token: string) => boolean = () => false
) => {
  const timers = Timers.make(1_000)
  const random = Random.make(seed)
  const verdicts = Verdicts.make(timers.now)
  const grants = new Map<string, VoiceGrant>()
  const inboxes = new Map<number, Array<Output>>()
  const datagrams: Array<{ readonly to: Address; readonly bytes: Uint8Array }> = []
  const emit = (output: Output) => {
    if (output._tag === "Datagram") {
      datagrams.push({ to: output.to, bytes: output.bytes.slice() })
      return
    }
    const inbox = inboxes.get(output.connection) ?? []
    inbox.push(output)
    inboxes.set(output.connection, inbox)
  }
  const faults = Faults.make({
    random: Random.make(seed + 1),
    timers,
    now: timers.now,
    emit,
    count: verdicts.count,
    onEnded: (connection, code) => half.ended(connection, code)
  })
  const context: CoreContext = {
    profile,
    random,
    timers,
    now: timers.now,
    emit,
    judge: verdicts.judge,
    count: verdicts.count,
    through: faults.through
  }
  const half = makeVoiceHalf(
    context,
    {
      byToken: (token) => grants.get(token),
      knewToken,
      knowsServerId: (id) => id === guildId,
      forServer: (id) => Array.from(grants.values()).filter((grant) => grant.server === id)
    },
    hooks
  )
  half.addServer(server, udp)
  let lastConnection = 0

  const grant = (user: string, overrides: Partial<VoiceGrant> = {}): VoiceGrant => {
    const made: VoiceGrant = {
      guildId,
      channelId,
      userId: UserId.make(user),
      sessionId: `session-${user}`,
      token: `token-${user}`,
      server,
      e2ee: "optional",
      ...overrides
    }
    grants.set(made.token, made)
    return made
  }

  return {
    half,
    timers,
    grants,
    grant,
    faults,
    datagrams,
    inbox: (connection: number): Array<Output> => inboxes.get(connection) ?? [],
    nextConnection: () => ++lastConnection,
    violations: () => verdicts.list().filter((verdict) => verdict.severity === "violation").map(({ code }) => code),
    advice: () => verdicts.list().filter((verdict) => verdict.severity === "advice").map(({ code }) => code),
    messages: () => verdicts.list().map(({ message }) => message),
    counter: (name: string) => verdicts.counters().get(name) ?? 0,
    wait: (ms: number) => timers.advance(timers.now() + ms)
  }
}

export type World = ReturnType<typeof makeWorld>

const word = (value: number) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]

const filled = (length: number, start: Uint8Array) => {
  const bytes = new Uint8Array(length)
  bytes.set(start)
  return bytes
}

const clearLength = (mode: string, packet: Uint8Array, rtcp: boolean) => {
  if (rtcp) return 8
  if (!mode.endsWith("rtpsize")) return 12
  const first = packet[0] ?? 0
  return 12 + 4 * (first & 15) + ((first & 16) === 0 ? 0 : 4)
}

/** The seven modes, implemented with @noble/ciphers. */
export const seal = (mode: string, key: Uint8Array, packet: Uint8Array, nonce: number, rtcp = false): Uint8Array => {
  const clear = clearLength(mode, packet, rtcp)
  const head = packet.subarray(0, clear)
  const text = packet.subarray(clear)
  const counter = Uint8Array.from(word(nonce))
  if (mode.includes("gcm")) {
    return Buffer.concat([head, gcm(key, filled(12, counter), head).encrypt(text), counter])
  }
  if (mode.includes("xchacha")) {
    return Buffer.concat([head, xchacha20poly1305(key, filled(24, counter), head).encrypt(text), counter])
  }
  if (mode.includes("lite")) {
    return Buffer.concat([head, xsalsa20poly1305(key, filled(24, counter)).encrypt(text), counter])
  }
  if (mode.endsWith("suffix")) {
    const random = filled(24, Uint8Array.from([...word(Math.imul(nonce, 0x9e37_79b1)), ...word(~nonce)]))
    return Buffer.concat([head, xsalsa20poly1305(key, random).encrypt(text), random])
  }
  return Buffer.concat([head, xsalsa20poly1305(key, filled(24, head)).encrypt(text)])
}

export const open = (mode: string, key: Uint8Array, packet: Uint8Array, rtcp = false): Uint8Array => {
  const clear = clearLength(mode, packet, rtcp)
  const head = packet.subarray(0, clear)
  const tail = mode.endsWith("suffix") ? 24 : mode === "xsalsa20_poly1305" ? 0 : 4
  const box = packet.subarray(clear, packet.length - tail)
  const nonce = packet.subarray(packet.length - tail)
  const text = mode.includes("gcm")
    ? gcm(key, filled(12, nonce), head).decrypt(box)
    : mode.includes("xchacha")
    ? xchacha20poly1305(key, filled(24, nonce), head).decrypt(box)
    : xsalsa20poly1305(key, filled(24, tail === 0 ? head : nonce)).decrypt(box)
  return Buffer.concat([head, text])
}

export interface Heard {
  readonly ssrc: number
  readonly sequence: number
  readonly timestamp: number
  readonly payload: Uint8Array
  readonly elements: ReadonlyMap<number, ReadonlyArray<number>>
  readonly padding: number
}

/** Reads a plain RTP packet: RFC 3550, 5.1, and the one-byte elements of RFC 8285, 4.2. */
export const readRtp = (bytes: Uint8Array): Heard => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const first = view.getUint8(0)
  assert.strictEqual(first >> 6, 2)
  assert.strictEqual(view.getUint8(1), 120)
  let start = 12 + 4 * (first & 15)
  const elements = new Map<number, ReadonlyArray<number>>()
  if ((first & 0x10) !== 0) {
    assert.strictEqual(view.getUint16(start), 0xbede)
    const end = start + 4 + 4 * view.getUint16(start + 2)
    for (let at = start + 4; at < end;) {
      const head = view.getUint8(at++)
      if (head === 0) continue
      const length = (head & 15) + 1
      elements.set(head >> 4, [...bytes.subarray(at, at + length)])
      at += length
    }
    start = end
  }
  const padding = (first & 0x20) === 0 ? 0 : view.getUint8(bytes.length - 1)
  return {
    ssrc: view.getUint32(8),
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    payload: bytes.slice(start, bytes.length - padding),
    elements,
    padding
  }
}

export const silence = Uint8Array.of(0xf8, 0xff, 0xfe)

export const closingSilence = (count = 5): ReadonlyArray<Uint8Array> => Array.from({ length: count }, () => silence)

/** An Opus packet of 20 ms with recognizable content. */
export const opus = (n: number) => Uint8Array.of(0x78, n & 0xff, n >>> 8, 1, 2, 3)

const isRecord = (u: unknown): u is { readonly [key: string]: unknown } => typeof u === "object" && u !== null

export const field = (u: unknown, name: string): unknown => isRecord(u) ? u[name] : undefined

/** A client with a single session, over one connection after another. */
export const makeClient = (
  world: World,
  user: string,
  options: { readonly version?: number; readonly port?: number } = {}
) => {
  const version = options.version ?? 8
  const address: Address = { address: "10.0.0.2", port: options.port ?? 40000 + Number(user) }
  let connection = 0
  const state = {
    ssrc: 0,
    mode: "",
    key: new Uint8Array(32),
    nonce: 0,
    sequence: 100,
    timestamp: 5_000
  }
  let read = 0

  const messages = (): Array<Message> =>
    world.inbox(connection).flatMap((output) => output._tag === "Text" ? [JSON.parse(output.text)] : [])

  const closed = (): number | undefined => {
    for (const output of world.inbox(connection)) if (output._tag === "Close") return output.code
    return undefined
  }

  const connect = (v: number | "missing" = version) => {
    connection = world.nextConnection()
    read = 0
    const result = world.half.accept(connection, server, new URLSearchParams(v === "missing" ? "" : `v=${v}`))
    return result ?? undefined
  }

  const raw = (frame: string | Uint8Array) => world.half.receive(connection, frame)
  const send = (op: number, d: unknown) => raw(JSON.stringify({ op, d }))

  /** The messages since the last call. */
  const news = (): Array<Message> => {
    const all = messages()
    const fresh = all.slice(read)
    read = all.length
    return fresh
  }

  const last = (op: number): unknown => messages().findLast((message) => message.op === op)?.d

  const identify = (overrides: object = {}) =>
    send(0, {
      server_id: guildId,
      user_id: user,
      session_id: `session-${user}`,
      token: `token-${user}`,
      ...(version === 9 ? { channel_id: channelId } : {}),
      ...overrides
    })

  const takeReady = () => {
    state.ssrc = Number(field(last(2), "ssrc"))
  }

  const datagram = (bytes: Uint8Array, from: Address = address) => world.half.datagram(server, from, bytes)

  const discoveryRequest = () => Uint8Array.from([0, 1, 0, 70, ...word(state.ssrc), ...new Uint8Array(66)])

  const select = (mode: string, overrides: object = {}) => {
    send(1, { protocol: "udp", data: { address: address.address, port: address.port, mode, ...overrides } })
    const secret = field(last(4), "secret_key")
    state.mode = mode
    state.nonce = 0
    if (Array.isArray(secret)) state.key = Uint8Array.from(secret)
  }

  const speaking = (flags = 1) => send(5, { speaking: version < 4 ? flags !== 0 : flags, delay: 0, ssrc: state.ssrc })

  const packet = (payload: Uint8Array, overrides: { readonly ssrc?: number; readonly type?: number } = {}) =>
    Uint8Array.from([
      0x80,
      overrides.type ?? 120,
      state.sequence >>> 8,
      state.sequence & 0xff,
      ...word(state.timestamp),
      ...word(overrides.ssrc ?? state.ssrc),
      ...payload
    ])

  const sealed = (plain: Uint8Array, rtcp = false) => seal(state.mode, state.key, plain, ++state.nonce >>> 0, rtcp)

  const say = (payload: Uint8Array, samples = 960) => {
    datagram(sealed(packet(payload)))
    state.sequence = (state.sequence + 1) & 0xffff
    state.timestamp = (state.timestamp + samples) >>> 0
  }

  /** Sends one frame every 20 ms, then silence. Time advances after the last frame as well. */
  const talk = (frames: ReadonlyArray<Uint8Array>, closing = 5) => {
    for (const frame of [...frames, ...closingSilence(closing)]) {
      say(frame)
      world.wait(20)
    }
  }

  return {
    state,
    address,
    userId: UserId.make(user),
    get connection() {
      return connection
    },
    connect,
    raw,
    send,
    messages,
    news,
    last,
    closed,
    identify,
    takeReady,
    datagram,
    discoveryRequest,
    select,
    speaking,
    packet,
    sealed,
    say,
    talk,
    drop: (code = 1006) => world.half.disconnected(connection, code),
    resume: (overrides: object = {}) =>
      send(7, { server_id: guildId, session_id: `session-${user}`, token: `token-${user}`, ...overrides }),
    /** The whole handshake, with a grant, up to Speaking. */
    join: (mode = "aead_aes256_gcm_rtpsize") => {
      world.grant(user)
      assert.strictEqual(connect(), undefined)
      identify()
      takeReady()
      datagram(discoveryRequest())
      select(mode)
      speaking()
      assert.strictEqual(closed(), undefined)
    },
    /** The packets that came to this client's address, decrypted. */
    heard: (): ReadonlyArray<Heard> =>
      world.datagrams
        .filter(({ bytes, to }) => to.port === address.port && (bytes[1] ?? 0) === 120)
        .map(({ bytes }) => readRtp(open(state.mode, state.key, bytes)))
  }
}
