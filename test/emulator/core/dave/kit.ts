/**
 * Clients with the MLS engine that bots use, @snazzah/davey, wired as discord.js wires it.
 */
import { assert } from "@effect/vitest"
import { DAVESession } from "@snazzah/davey"
import type { Output, VoiceGrant } from "../../../../src/emulator/core/CoreContext.ts"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import { channelId, field, makeClient, makeWorld, type World } from "../voice/kit.ts"

type Wire = ReturnType<typeof makeClient>

/** A server's message in its wire format. */
export type Received =
  | { readonly op: number; readonly d: unknown; readonly seq: number | undefined }
  | { readonly op: number; readonly seq: number | undefined; readonly body: Buffer }

const read = (output: Output, voiceVersion: number): Received | undefined => {
  if (output._tag === "Text") {
    const message: unknown = JSON.parse(output.text)
    const seq = field(message, "seq")
    return {
      op: Number(field(message, "op")),
      d: field(message, "d"),
      seq: typeof seq === "number" ? seq : undefined
    }
  }
  if (output._tag !== "Binary") return undefined
  const bytes = Buffer.from(output.bytes)
  if (voiceVersion < 8) return { op: bytes.readUInt8(0), seq: undefined, body: bytes.subarray(1) }
  return { op: bytes.readUInt8(2), seq: bytes.readUInt16BE(0), body: bytes.subarray(3) }
}

export interface DaveClient extends Wire {
  readonly max: number
  readonly session: () => DAVESession
  readonly hasSession: () => boolean
  /** Every message that it has processed, in order. */
  readonly log: Array<Received>
  readonly errors: Array<string>
  readonly stale: Array<string>
  /** The protocol version that it currently uses. */
  readonly version: () => number
  /** Processes the next message, if there is one. */
  readonly step: () => boolean
  readonly enter: (overrides?: Partial<VoiceGrant>) => void
  readonly sendKeyPackage: () => void
  /** Whether a commit or Welcome has brought it into a group since it last started over. */
  readonly transitioned: () => boolean
  /** Behaves as if the last commit or Welcome had been invalid. */
  readonly fail: () => void
  readonly code: () => string
  readonly ops: () => Array<number>
  /** Connects again and resumes after the last message that it has processed. */
  readonly comeBack: () => void
  /** Can change a binary message before it is sent, or suppress it with `undefined`. */
  intercept: (op: number, body: Buffer) => Buffer | undefined
  muteReady: boolean
}

/** A voice gateway client that supports version 1 of DAVE. */
export const makeDaveClient = (
  world: World,
  user: string,
  options: { readonly max?: number; readonly version?: number } = {}
): DaveClient => {
  const max = options.max ?? 1
  const voiceVersion = options.version ?? 8
  const wire = makeClient(world, user, { version: voiceVersion })
  const recognised = new Set<string>()
  const pending = new Map<number, number>()
  const log: Array<Received> = []
  const errors: Array<string> = []
  const stale: Array<string> = []
  let session: DAVESession | undefined
  let sender: Buffer | undefined
  let version = 0
  let at = 0
  let lastSeq = -1
  let lastTransition = 0
  let joined = false
  let gaveUp = false

  const theSession = () => {
    assert.isDefined(session, `${user} has no session`)
    return session
  }

  const binary = (op: number, ...parts: ReadonlyArray<Uint8Array>) => {
    const body = client.intercept(op, Buffer.concat(parts))
    if (body !== undefined) wire.raw(Uint8Array.from([op, ...body]))
  }

  const sendKeyPackage = () => binary(26, theSession().getSerializedKeyPackage())

  const begin = () => {
    joined = false
    if (session === undefined) session = new DAVESession(1, user, channelId)
    else session.reinit(1, user, channelId)
    if (sender !== undefined) session.setExternalSender(sender)
    sendKeyPackage()
  }

  const executed = (id: number) => {
    const next = pending.get(id)
    if (next === undefined) return
    pending.delete(id)
    version = next
  }

  const announced = (id: number, next: number) => {
    pending.set(id, next)
    if (id === 0) executed(id)
    else if (!client.muteReady) wire.send(23, { transition_id: id })
  }

  // Errors after it has reported an invalid commit concern messages of the former group.
  const failed = (error: unknown) => void (gaveUp ? stale : errors).push(String(error))

  const giveUp = (id: number) => {
    wire.send(31, { transition_id: id })
    begin()
  }

  const attempt = (id: number, work: () => void) => {
    try {
      work()
    } catch (error) {
      failed(error)
      return giveUp(id)
    }
    lastTransition = id
    joined = true
    announced(id, 1)
  }

  const onBinary = (op: number, body: Buffer) => {
    if (op === 25) {
      sender = body
      session?.setExternalSender(body)
    } else if (op === 27) {
      const ids = [...recognised, user]
      try {
        const { commit, welcome } = theSession().processProposals(body.readUInt8(0), body.subarray(1), ids)
        if (commit !== undefined) binary(28, commit, welcome ?? Buffer.alloc(0))
      } catch (error) {
        failed(error)
      }
    } else if (op === 29) attempt(body.readUInt16BE(0), () => theSession().processCommit(body.subarray(2)))
    else if (op === 30) attempt(body.readUInt16BE(0), () => theSession().processWelcome(body.subarray(2)))
  }

  const onText = (op: number, d: unknown) => {
    const id = Number(field(d, "transition_id"))
    switch (op) {
      case 4:
        version = Number(field(d, "dave_protocol_version"))
        if (version > 0) begin()
        return
      case 11: {
        const ids = field(d, "user_ids")
        if (Array.isArray(ids)) { for (const id of ids) recognised.add(String(id)) }
        return
      }
      case 13:
        return void recognised.delete(String(field(d, "user_id")))
      case 21:
        return announced(id, Number(field(d, "protocol_version")))
      case 22:
        return executed(id)
      case 24:
        if (field(d, "epoch") === 1) {
          version = Number(field(d, "protocol_version"))
          begin()
        }
        return
    }
  }

  const client: DaveClient = {
    ...wire,
    get connection() {
      return wire.connection
    },
    max,
    session: theSession,
    hasSession: () => session !== undefined,
    log,
    errors,
    stale,
    version: () => version,
    step: () => {
      const output = world.inbox(wire.connection)[at]
      if (output === undefined) return false
      at++
      const message = read(output, voiceVersion)
      if (message === undefined) return true
      log.push(message)
      if (message.seq !== undefined) lastSeq = message.seq
      if ("body" in message) onBinary(message.op, message.body)
      else onText(message.op, message.d)
      return true
    },
    enter: (overrides) => {
      world.grant(user, overrides)
      assert.strictEqual(wire.connect(), undefined)
      at = 0
      wire.identify(max === 0 ? {} : { max_dave_protocol_version: max })
      wire.takeReady()
      wire.datagram(wire.discoveryRequest())
      wire.select("aead_aes256_gcm_rtpsize")
      wire.speaking()
    },
    sendKeyPackage,
    transitioned: () => joined,
    fail: () => {
      gaveUp = true
      giveUp(lastTransition)
    },
    code: () => theSession().voicePrivacyCode,
    ops: () => log.map(({ op }) => op).filter((op) => op >= 21),
    comeBack: () => {
      assert.strictEqual(wire.connect(), undefined)
      at = 0
      wire.resume(voiceVersion < 8 ? {} : { seq_ack: lastSeq })
    },
    intercept: (_, body) => body,
    muteReady: false
  }
  return client
}

/** Lets the clients take turns until none of them has anything left to read. */
export const settle = (...clients: ReadonlyArray<DaveClient>) => {
  for (let rounds = 0; clients.filter((client) => client.step()).length > 0; rounds++) {
    assert.isBelow(rounds, 500, "the clients keep each other busy")
  }
}

/** Asserts that all of them are in one group at this epoch and have the same privacy code. */
export const assertTogether = (world: World, epoch: number, ...clients: ReadonlyArray<DaveClient>) => {
  const [view] = world.half.groups()
  assert.isDefined(view)
  assert.strictEqual(view.epoch, epoch)
  assert.sameMembers(
    view.members.map(({ userId }) => String(userId)),
    clients.map(({ userId }) => String(userId))
  )
  for (const client of clients) {
    assert.strictEqual(client.session().epoch, BigInt(epoch), client.userId)
    assert.strictEqual(client.session().ownLeafIndex, view.members.find(({ userId }) => userId === client.userId)?.leaf)
  }
  const codes = new Set(clients.map((client) => client.code()))
  assert.strictEqual(codes.size, 1)
  assert.notInclude([...codes], "")
}

/** A world with members 1, 2 and so on in one group. */
export const together = (count: number, profile: Profile = today) => {
  const world = makeWorld(profile)
  const members: Array<DaveClient> = []
  for (let i = 1; i <= count; i++) {
    const client = makeDaveClient(world, String(i))
    members.push(client)
    client.enter()
    settle(...members)
  }
  const [a, b, c] = members
  assert.isDefined(a)
  assert.isDefined(b)
  return { world, a, b, c: c ?? b, members }
}

/** The messages with this opcode that a client has processed. */
export const messages = (client: DaveClient, op: number) => client.log.filter((message) => message.op === op)

/** The bodies of the JSON messages with this opcode that a client has processed. */
export const body = (client: DaveClient, op: number) =>
  messages(client, op).flatMap((message) => "d" in message ? [message.d] : [])

/** The only group. */
export const view = (world: World) => {
  const [group] = world.half.groups()
  assert.isDefined(group)
  return group
}
