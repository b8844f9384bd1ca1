/**
 * A channel of the whole core with scripted members, which have names.
 */
import { Result } from "effect"
import * as Core from "../../../../src/emulator/core/Core.ts"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import type { Participant } from "../../../../src/emulator/core/Scripted.ts"
import type { EncryptionOptions, HeardFrame } from "../../../../src/emulator/core/voice/VoiceHalf.ts"

export interface Member {
  readonly name: string
  readonly participant: Participant
  readonly heard: Array<HeardFrame>
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

export const makeChannel = (options: { readonly seed?: number; readonly profile?: Partial<Profile> } = {}) => {
  const core = Core.make({
    profile: { ...today, ...options.profile },
    seed: options.seed ?? 1,
    nowMs: 0,
    emit: () => {}
  })
  const guildId = core.createGuild({ name: "guild" })
  const channelId = core.createChannel({ guildId, name: "lobby" })
  if (channelId === undefined) throw new Error("there is a guild")
  core.createVoiceServer({ region: "here", endpoint: "voice1.test:2048", udp: { address: "127.0.0.1", port: 1 } })
  core.createVoiceServer({ region: "there", endpoint: "voice2.test:2048", udp: { address: "127.0.0.1", port: 2 } })
  const users = new Map<string, ReturnType<typeof core.createUser>["id"]>()
  const members = new Map<string, Member>()
  let now = 0
  let word = 0

  const join = (name: string, encryption: EncryptionOptions = {}): Member => {
    const userId = users.get(name) ?? core.createUser({ name }).id
    users.set(name, userId)
    const joined = core.participants.join({ userId, channelId }, encryption)
    if (Result.isFailure(joined)) throw new Error(joined.failure)
    const member = { name, participant: joined.success, heard: [] as Array<HeardFrame> }
    member.participant.onHeard((frame) => member.heard.push(frame))
    members.set(name, member)
    return member
  }

  const wait = (ms: number) => core.advance(now += ms)

  /**
   * Lets each of these members send two new packets. Returns which of the members present have heard which, as
   * "speaker>listener", in the order of joining, and throws if anybody has heard anything else.
   */
  const talk = (...speakers: ReadonlyArray<string>): Array<string> => {
    const heard: Array<string> = []
    for (const name of speakers) {
      const speaker = members.get(name)
      if (speaker === undefined) throw new Error(`nobody is called ${name}`)
      for (const member of members.values()) member.heard.length = 0
      const said = [0, 1].map(() => ({ data: Uint8Array.of(0x78, ++word & 0xff, word >> 8, 1, 2, 3), samples: 960 }))
      speaker.participant.speak(said)
      wait(500)
      const expected = said.map(({ data }) => hex(data)).join()
      for (const member of members.values()) {
        const voiced = member.heard.filter(({ silence }) => !silence)
        if (voiced.length === 0) continue
        const got = voiced.map(({ payload }) => hex(payload)).join()
        if (got !== expected) throw new Error(`${member.name} heard ${got}, ${name} said ${expected}`)
        heard.push(`${name}>${member.name}${voiced.every(({ encrypted }) => encrypted) ? "" : " plain"}`)
      }
    }
    return heard
  }

  /** All pairs of these names. */
  const everybody = (...names: ReadonlyArray<string>) =>
    names.flatMap((from) => names.flatMap((to) => from === to ? [] : [`${from}>${to}`]))

  return {
    core,
    channelId,
    join,
    leave: (name: string) => {
      members.get(name)?.participant.leave()
      members.delete(name)
    },
    of: (name: string) => {
      const member = members.get(name)
      if (member === undefined) throw new Error(`nobody is called ${name}`)
      return member.participant
    },
    names: () => Array.from(members.keys()),
    wait,
    talk,
    everybody,
    /** The privacy codes of all members, without duplicates. */
    codes: () => Array.from(new Set(Array.from(members.values(), (m) => m.participant.membership()?.privacyCode))),
    group: () => core.snapshot().daveGroups.find((group) => group.channelId === channelId),
    count: (name: string) => core.counters().get(name) ?? 0,
    counted: (prefix: string) => Array.from(core.counters()).filter(([name]) => name.startsWith(prefix))
  }
}
