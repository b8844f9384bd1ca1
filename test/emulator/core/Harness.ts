/**
 * The core with a voice half that only records, and clients of the main gateway that tests drive step by step.
 */
import { assert } from "@effect/vitest"
import { Result } from "effect"
import * as Core from "../../../src/emulator/core/Core.ts"
import type { Output, VoiceGrant } from "../../../src/emulator/core/CoreContext.ts"
import type { Undecryptable } from "../../../src/emulator/core/dave/Seat.ts"
import { type Profile, today } from "../../../src/emulator/core/Profile.ts"
import type {
  EncryptionOptions,
  HeardFrame,
  VoiceHalf,
  VoiceHooks
} from "../../../src/emulator/core/voice/VoiceHalf.ts"
import * as GatewayPayload from "../../../src/protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../../../src/protocol/Identifier.ts"

export type Body = { readonly [key: string]: unknown }

export interface Message {
  readonly op: number
  readonly t: string | null
  readonly s: number | null
  readonly d: unknown
}

export type Revocation =
  & Parameters<VoiceHalf["revocation"]>[0]
  & Parameters<ReturnType<VoiceHalf["revocation"]>>[0]

/** What a gateway client received and what the voice half was told, in order. */
export type Happening =
  | { readonly _tag: "Message"; readonly client: Client; readonly message: Message }
  | { readonly _tag: "Revoked"; readonly revocation: Revocation }

export interface Scripted {
  readonly userId: UserId
  readonly calls: Array<string>
  readonly encryption: EncryptionOptions
  readonly hear: (frame: HeardFrame) => void
  readonly miss: (cause: Undecryptable) => void
}

export interface Client {
  readonly id: number
  readonly messages: Array<Message>
  /** `undefined` until the core has closed the connection. */
  readonly closeCode: () => number | undefined
  terminated: boolean
  readonly send: (message: unknown) => void
  readonly sendRaw: (frame: string | Uint8Array) => void
  readonly disconnect: (code: number) => void
  /** The messages since the last call. */
  readonly take: () => Array<Message>
  /** The bodies of all dispatches with this name. */
  readonly events: (t: string) => Array<Body>
}

export interface Harness {
  readonly core: Core.Core
  readonly outputs: Array<Output>
  readonly happenings: Array<Happening>
  readonly hooks: VoiceHooks
  readonly grant: (token: string) => VoiceGrant | undefined
  readonly scripted: Array<Scripted>
  readonly voiceFrames: Array<string | Uint8Array>
  readonly voiceGone: Array<number>
  readonly revocations: () => Array<Revocation>
  readonly guildId: GuildId
  readonly lobby: ChannelId
  readonly other: ChannelId
  readonly bot: { readonly id: UserId; readonly token: string }
  readonly connect: (search?: string) => Client
  /** A connection to the first voice server. */
  readonly connectVoice: (search?: string) => Client
  /** Connects, identifies and discards the messages up to that point. */
  readonly login: (options?: { readonly token?: string; readonly intents?: number }) => Client
  readonly join: (client: Client, channelId: ChannelId | null, flags?: { mute?: boolean; deaf?: boolean }) => void
  readonly violations: () => Array<string>
  readonly advice: () => Array<string>
}

export const make = (options: {
  readonly profile?: Partial<Profile>
  readonly seed?: number
  /** Uses the emulator's own voice half instead of the one that records. */
  readonly realVoice?: boolean
} = {}): Harness => {
  const outputs: Array<Output> = []
  const happenings: Array<Happening> = []
  const closeCodes = new Map<number, number>()
  const clients = new Map<number, Client>()
  const voiceConnections = new Set<number>()
  const voiceFrames: Array<string | Uint8Array> = []
  const voiceGone: Array<number> = []
  const scripted: Array<Scripted> = []
  let hooks: VoiceHooks = {}
  let grant: Harness["grant"] = () => undefined
  let nextConnection = 1

  const core = Core.make({
    profile: { ...today, ...options.profile },
    seed: options.seed ?? 1,
    nowMs: 0,
    emit: (output) => {
      outputs.push(output)
      if (output._tag === "Datagram") return
      const client = clients.get(output.connection)
      if (client === undefined) return
      switch (output._tag) {
        case "Text": {
          const message: Message = JSON.parse(output.text)
          // The schemas have to be able to read everything that the main gateway sends.
          if (message.t !== undefined) {
            assert.isTrue(Result.isSuccess(GatewayPayload.decodeServer(output.text)), output.text)
          }
          client.messages.push(message)
          return happenings.push({ _tag: "Message", client, message })
        }
        case "Close":
          return closeCodes.set(output.connection, output.code)
        case "Terminate":
          client.terminated = true
          return
        case "Binary":
          return
      }
    },
    voiceHalf: options.realVoice === true ? undefined : (_context, grants, given = {}) => {
      hooks = given
      grant = grants.byToken
      return {
        addServer: () => {},
        accept: (id) => void voiceConnections.add(id),
        receive: (_, frame) => void voiceFrames.push(frame),
        disconnected: (id) => {
          voiceConnections.delete(id)
          voiceGone.push(id)
        },
        datagram: () => {},
        owns: (id) => voiceConnections.has(id),
        revocation: (of) => (how) => {
          const revocation = { ...of, ...how }
          happenings.push({ _tag: "Revoked", revocation })
          hooks.onLeft?.(revocation.userId, revocation.code, revocation.guildId)
        },
        closeUser: () => false,
        terminateUser: () => false,
        ended: (id) => {
          voiceConnections.delete(id)
          voiceGone.push(id)
        },
        disturbance: {
          requestHeartbeat: () => false,
          rekey: () => false,
          overrunReplay: () => false,
          expire: () => false,
          startSequence: () => {},
          pin: () => [],
          unpin: () => {}
        },
        participants: {
          join: (where, encryption = {}) => {
            const calls = [`join ${where.channelId} ${where.server}`]
            const listeners: Array<(frame: HeardFrame) => void> = []
            const undecryptable: Array<(cause: Undecryptable, userId: UserId) => void> = []
            scripted.push({
              userId: where.userId,
              calls,
              encryption,
              hear: (frame) => {
                for (const listener of listeners) listener(frame)
              },
              miss: (cause) => {
                for (const listener of undecryptable) listener(cause, where.userId)
              }
            })
            return {
              userId: where.userId,
              ssrc: scripted.length,
              speak: (frames) => void calls.push(`speak ${frames.length}`),
              setSpeaking: (flags) => void calls.push(`speaking ${flags}`),
              show: ({ flags, platform, video }) => void calls.push(`show ${flags} ${platform} ${video}`),
              onReport: () => undefined,
              onHeard: (listener) => void listeners.push(listener),
              onUndecryptable: (listener) => void undecryptable.push(listener),
              reaches: () => false,
              membership: () => undefined,
              verificationCode: () => Promise.resolve(`code of ${where.userId}`),
              misbehave: (how) => void calls.push(`misbehave ${Object.keys(how).join()}`),
              move: (to) => void calls.push(`move ${to.channelId} ${to.server}`),
              leave: () => void calls.push("leave")
            }
          }
        },
        sessions: () => [],
        groups: () => []
      }
    }
  })

  const guildId = core.createGuild({ name: "guild" })
  const channel = (name: string) => {
    const id = core.createChannel({ guildId, name })
    if (id === undefined) throw new Error("no such guild")
    return id
  }
  const lobby = channel("lobby")
  const other = channel("other")
  const bot = core.createUser({ name: "bot", bot: true })
  core.createVoiceServer({ region: "here", endpoint: "voice1.test:2048", udp: { address: "127.0.0.1", port: 1 } })

  const open = (kind: Core.ConnectionKind): Client => {
    const id = nextConnection++
    let taken = 0
    const client: Client = {
      id,
      messages: [],
      closeCode: () => closeCodes.get(id),
      terminated: false,
      send: (message) => core.receive(id, JSON.stringify(message)),
      sendRaw: (frame) => core.receive(id, frame),
      disconnect: (code) => core.disconnected(id, code),
      take: () => {
        const fresh = client.messages.slice(taken)
        taken = client.messages.length
        return fresh
      },
      events: (t) =>
        client.messages.flatMap((message) =>
          message.t === t && typeof message.d === "object" && message.d !== null ? [{ ...message.d }] : []
        )
    }
    clients.set(id, client)
    core.accept(id, kind)
    return client
  }
  const connect: Harness["connect"] = (search = "v=10&encoding=json") =>
    open({ _tag: "Gateway", search: new URLSearchParams(search) })

  const codes = (severity: string) =>
    core.verdicts().filter((verdict) => verdict.severity === severity).map((verdict) => verdict.code)

  return {
    core,
    outputs,
    happenings,
    get hooks() {
      return hooks
    },
    grant: (token) => grant(token),
    scripted,
    voiceFrames,
    voiceGone,
    revocations: () => happenings.flatMap((happening) => happening._tag === "Revoked" ? [happening.revocation] : []),
    guildId,
    lobby,
    other,
    bot,
    connect,
    connectVoice: (search = "v=8") => open({ _tag: "Voice", server: 1, search: new URLSearchParams(search) }),
    login: ({ intents = GatewayPayload.voiceIntents, token = bot.token } = {}) => {
      const client = connect()
      client.send(identify(token, intents))
      assert.strictEqual(client.events("READY").length, 1)
      client.take()
      return client
    },
    join: (client, channelId, { deaf = false, mute = false } = {}) =>
      client.send({ op: 4, d: { guild_id: guildId, channel_id: channelId, self_mute: mute, self_deaf: deaf } }),
    violations: () => codes("violation"),
    advice: () => codes("advice")
  }
}

export const identify = (token: string, intents: number = GatewayPayload.voiceIntents) => ({
  op: 2,
  d: { token, intents, properties: { os: "linux", browser: "test", device: "test" } }
})

export const heartbeat = { op: 1, d: null }

export const resume = (token: string, session: Client, seq: number) => ({
  op: 6,
  d: { token, session_id: session.events("READY")[0]?.["session_id"], seq }
})

export const lastSeq = (client: Client) =>
  client.messages.reduce((last, message) => message.s === null ? last : message.s, 0)

/** `t` for dispatches, `op` for other messages. */
export const names = (messages: ReadonlyArray<Message>): Array<string> =>
  messages.map((message) => message.t ?? `op${message.op}`)

/** The events that answer a join. */
export const pair = ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]

/** The token of the last VOICE_SERVER_UPDATE. */
export const token = (client: Client): string => String(client.events("VOICE_SERVER_UPDATE").at(-1)?.["token"])

export const sessionId = (client: Client) => client.events("VOICE_STATE_UPDATE").at(-1)?.["session_id"]

/** The voice messages of one client and the closes of its voice connection, in order. */
export const story = (h: Harness, client: Client) =>
  h.happenings.flatMap((happening) =>
    happening._tag === "Revoked"
      ? [`close ${happening.revocation.code}`]
      : happening.client === client
      ? names([happening.message])
      : []
  ).filter((name) => name.startsWith("VOICE") || name.startsWith("close"))
