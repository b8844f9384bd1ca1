import { assert } from "@effect/vitest"
import { Effect, Result } from "effect"
import { randomBytes, randomInt } from "node:crypto"
import * as Dave from "../../src/Dave.ts"
import { u64 } from "../../src/emulator/core/dave/Bytes.ts"
import * as Commit from "../../src/emulator/core/dave/Commit.ts"
import * as ExternalSender from "../../src/emulator/core/dave/ExternalSender.ts"
import * as KeyPackage from "../../src/emulator/core/dave/KeyPackage.ts"
import { ChannelId, type UserId } from "../../src/protocol/Identifier.ts"

const channelId = ChannelId.make("3001")
export const groupId = u64(3001n)

export const makeSender = () =>
  ExternalSender.make({
    bytes: (count) => new Uint8Array(randomBytes(count)),
    int: (limit) => randomInt(limit),
    next: () => randomInt(0x1_0000_0000) / 0x1_0000_0000
  })

const sender = makeSender()

/** A group whose first member is the first of `ids`, and the voice gateway's part in it. */
export const make = Effect.fnUntraced(function*(ids: ReadonlyArray<UserId>) {
  const dave = yield* Dave.Dave
  let epoch = 0n
  const leaves: Array<UserId | undefined> = []
  const groups = new Map<UserId, Dave.Group>()

  const open = Effect.fnUntraced(function*(userId: UserId) {
    const group = yield* dave.open({ userId, channelId })
    const payload = yield* group.create(1)
    yield* group.setExternalSender(sender.bytes)
    groups.set(userId, group)
    return Result.getOrThrow(KeyPackage.decode(payload, userId))
  })

  const members = () => leaves.filter((userId) => userId !== undefined)
  const group = (userId: UserId) => {
    const found = groups.get(userId)
    assert(found !== undefined)
    return found
  }

  /** Every member commits, and the first one's commit wins. */
  const change = Effect.fnUntraced(function*(proposal: ExternalSender.Proposal) {
    const payload = ExternalSender.appending([proposal])
    const commits = yield* Effect.forEach(members(), (userId) => group(userId).proposals("append", payload, ids))
    const [won] = commits
    assert(won !== undefined)
    const { commit } = Result.getOrThrow(Commit.decode(won))
    yield* Effect.forEach(members(), (userId) => group(userId).commit(commit.bytes))
    epoch++
    return won.subarray(commit.bytes.length)
  })

  const first = ids[0]
  assert(first !== undefined)
  yield* open(first)
  leaves.push(first)
  return {
    group,
    add: Effect.fnUntraced(function*(userId: UserId) {
      const keyPackage = yield* open(userId)
      const welcome = yield* change(sender.add(groupId, epoch, keyPackage))
      const blank = leaves.indexOf(undefined)
      if (blank < 0) leaves.push(userId)
      else leaves[blank] = userId
      yield* group(userId).welcome(welcome)
    }),
    /**
     * Adds a user again who was removed and starts over, as after a message that could not be used. The voice gateway
     * does not introduce itself again.
     */
    addAgain: Effect.fnUntraced(function*(userId: UserId) {
      const keyPackage = Result.getOrThrow(KeyPackage.decode(yield* group(userId).create(1), userId))
      const welcome = yield* change(sender.add(groupId, epoch, keyPackage))
      leaves[leaves.indexOf(undefined)] = userId
      yield* group(userId).welcome(welcome)
    }),
    remove: Effect.fnUntraced(function*(userId: UserId) {
      const leaf = leaves.indexOf(userId)
      leaves[leaf] = undefined
      yield* change(sender.remove(groupId, epoch, leaf))
    })
  }
})
