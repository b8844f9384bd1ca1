/**
 * A channel with members and the hand-written server: the first to join creates the group, everyone else is added to it,
 * and the first commit wins. The server believes every member and checks nothing.
 */
import type { CoreContext } from "../../../../src/emulator/core/CoreContext.ts"
import * as Member from "../../../../src/emulator/core/dave/Member.ts"
import type { Misbehaviour } from "../../../../src/emulator/core/dave/Misbehaviour.ts"
import type { DaveMember } from "../../../../src/emulator/core/dave/Seat.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as Timers from "../../../../src/emulator/core/Timers.ts"
import type { ClientFrame, ServerFrame } from "../../../../src/protocol/DaveFrame.ts"
import { ChannelId, UserId } from "../../../../src/protocol/Identifier.ts"
import type { ClientMessage, ServerMessage } from "../../../../src/protocol/VoicePayload.ts"
import * as HandServer from "./handServer.ts"

export const channelId = ChannelId.make("200")

export const makeContext = () => {
  const timers = Timers.make(1_000)
  const counters = new Map<string, number>()
  const context: Pick<CoreContext, "now" | "timers" | "random" | "count"> = {
    now: timers.now,
    timers,
    random: Random.make(1),
    count: (name) => void counters.set(name, (counters.get(name) ?? 0) + 1)
  }
  return { context, timers, counters, wait: (ms: number) => timers.advance(timers.now() + ms) }
}

export type Sent = ClientMessage | ClientFrame

export const sessionDescription = (version: number): ServerMessage => ({
  op: 4,
  d: {
    mode: "aead_aes256_gcm_rtpsize",
    secret_key: Array.from({ length: 32 }, () => 0),
    dave_protocol_version: version
  }
})

const voicePrefix = "participant-"

export const makeRoom = () => {
  const { context, counters, timers, wait } = makeContext()
  const hand = HandServer.make(channelId)
  const members = new Map<string, { readonly member: DaveMember; readonly sent: Array<Sent> }>()
  let leaves: Array<string | undefined> = []
  let epoch = 0

  const seat = (user: string, misbehaviour: Misbehaviour = {}) => {
    const sent: Array<Sent> = []
    const userId = UserId.make(user)
    const member = Member.make({ context, userId, channelId, misbehaviour, send: (message) => void sent.push(message) })
    members.set(user, { member, sent })
    member.receive({ op: 25, seq: 0, externalSender: hand.externalSender })
    member.receive(sessionDescription(1))
    for (const [other, { member: there }] of members) {
      if (other === user) continue
      there.receive({ op: 11, d: { user_ids: [userId] } })
      member.receive({ op: 11, d: { user_ids: [UserId.make(other)] } })
    }
    return member
  }

  const of = (user: string) => {
    const found = members.get(user)
    if (found === undefined) throw new Error(`nobody is called ${user}`)
    return found
  }

  const lastSent = <Op extends Sent["op"]>(user: string, op: Op): Extract<Sent, { readonly op: Op }> | undefined =>
    of(user).sent.findLast((message): message is Extract<Sent, { readonly op: Op }> => message.op === op)

  const keyPackage = (user: string) => lastSent(user, 26)?.keyPackage ?? new Uint8Array(0)

  const tell = (user: string, message: ServerMessage | ServerFrame) => of(user).member.receive(message)

  const present = () => leaves.flatMap((user) => user === undefined ? [] : [user])

  /** Lets the members present commit to proposals. The commit of the first member that sends one is announced. */
  const decide = (
    voters: ReadonlyArray<string>,
    proposals: ReadonlyArray<HandServer.Proposal>,
    change: {
      readonly added?: ReadonlyArray<string>
      readonly removed?: ReadonlyArray<string>
      readonly transition?: number
    }
  ) => {
    const { added = [], removed = [], transition = 0 } = change
    for (const user of voters) of(user).sent.length = 0
    for (const user of voters) {
      tell(user, { op: 27, seq: 0, operation: "append", payload: hand.append(proposals) })
    }
    const winner = voters.find((user) => lastSent(user, 28) !== undefined)
    const payload = winner === undefined ? undefined : lastSent(winner, 28)?.payload
    if (payload === undefined) return undefined
    const { commit, welcome } = HandServer.splitCommit(payload)
    for (const user of removed) leaves[leaves.indexOf(user)] = undefined
    for (const user of added) {
      const free = leaves.indexOf(undefined)
      if (free === -1) leaves.push(user)
      else leaves[free] = user
    }
    epoch++
    for (const user of voters) tell(user, { op: 29, seq: 0, transitionId: transition, commit })
    for (const user of added) tell(user, { op: 30, seq: 0, transitionId: transition, welcome })
    return commit
  }

  const add = (users: ReadonlyArray<string>, transition = 0) => {
    if (leaves.length === 0) {
      const [first = "", ...others] = users
      leaves = [first]
      return decide([first], others.map((user) => hand.add(0, keyPackage(user))), { added: others, transition })
    }
    return decide(present(), users.map((user) => hand.add(epoch, keyPackage(user))), { added: users, transition })
  }

  const remove = (user: string, transition = 0) => {
    const voters = present().filter((other) => other !== user)
    for (const other of voters) tell(other, { op: 13, d: { user_id: UserId.make(user) } })
    return decide(voters, [hand.remove(epoch, leaves.indexOf(user))], { removed: [user], transition })
  }

  /** What `to` makes of a frame that `from` sends. */
  const pass = (from: string, to: string, frame: Uint8Array) => {
    const sent = of(from).member.encrypt(frame)
    return sent === undefined ? undefined : of(to).member.open(UserId.make(from), sent)
  }

  return {
    hand,
    timers,
    wait,
    seat,
    member: (user: string) => of(user).member,
    sent: (user: string) => of(user).sent,
    lastSent,
    keyPackage,
    tell,
    add,
    remove,
    pass,
    decide,
    present,
    epoch: () => epoch,
    leafOf: (user: string) => leaves.indexOf(user),
    counted: () => Object.fromEntries(Array.from(counters, ([name, n]) => [name.replace(voicePrefix, ""), n]))
  }
}
