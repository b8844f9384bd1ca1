import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Result } from "effect"
import { randomBytes, randomInt } from "node:crypto"
import * as Dave from "../../src/Dave.ts"
import * as E2ee from "../../src/driver/e2ee/E2ee.ts"
import * as SsrcMap from "../../src/driver/SsrcMap.ts"
import { u64 } from "../../src/emulator/core/dave/Bytes.ts"
import * as Commit from "../../src/emulator/core/dave/Commit.ts"
import * as ExternalSender from "../../src/emulator/core/dave/ExternalSender.ts"
import * as KeyPackage from "../../src/emulator/core/dave/KeyPackage.ts"
import type * as DaveFrame from "../../src/protocol/DaveFrame.ts"
import { ChannelId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import { bytes, uint } from "../protocol/arbitraries.ts"

const self = UserId.make("1001")
const other = UserId.make("1002")
const channelId = ChannelId.make("3001")

const sender = ExternalSender.make({
  bytes: (count) => new Uint8Array(randomBytes(count)),
  int: (limit) => randomInt(limit),
  next: () => 0.5
})

/** What a voice gateway sends to two members who form a group, up to and including each step. */
const genuine = Effect.fnUntraced(function*(group: Dave.Group, own: Uint8Array) {
  const dave = yield* Dave.Dave
  const theirs = yield* dave.open({ userId: other, channelId })
  yield* theirs.create(1)
  yield* theirs.setExternalSender(sender.bytes)
  const keyPackage = Result.getOrThrow(KeyPackage.decode(own, self))
  const proposals = ExternalSender.appending([sender.add(u64(3001n), 0n, keyPackage)])
  const won = yield* theirs.proposals("append", proposals, [self, other])
  assert(won !== undefined)
  const { commit } = Result.getOrThrow(Commit.decode(won))
  assert.isUndefined(group.membership())
  return {
    proposals,
    commit: Uint8Array.from(commit.bytes),
    welcome: Uint8Array.from(won.subarray(commit.bytes.length))
  }
})

/** The encryption of a connection that has sent its key package. */
const rig = Effect.gen(function*() {
  const dave = yield* Dave.Dave
  const group = yield* dave.open({ userId: self, channelId })
  const sent: Array<Uint8Array> = []
  const heard: Array<Uint8Array> = []
  const e2ee = yield* E2ee.make({
    group,
    self,
    maxVersion: 1,
    users: SsrcMap.make(),
    now: () => 0,
    send: (message) => {
      if (message.op === 26) sent.push(message.keyPackage)
    },
    onEncrypting: () => {},
    onGate: () => {},
    onPacket: ({ payload }) => heard.push(payload),
    onChange: () => {},
    onFailed: () => {}
  })
  yield* e2ee.onMessage({ op: 11, d: { user_ids: [other] } })
  yield* e2ee.onMessage({
    op: 4,
    d: {
      mode: "aead_aes256_gcm_rtpsize",
      secret_key: Array.from({ length: 32 }, () => 0),
      dave_protocol_version: 1
    }
  })
  yield* e2ee.onFrame({ op: 25, seq: 0, externalSender: sender.bytes })
  const [own] = sent
  assert(own !== undefined)
  return { e2ee, group, own, heard }
})

const frameOf = (op: number, payload: Uint8Array, id: number): DaveFrame.ServerFrame => {
  switch (op) {
    case 0:
      return { op: 25, seq: 1, externalSender: payload }
    case 1:
      return { op: 27, seq: 1, operation: "append", payload }
    case 2:
      return { op: 27, seq: 1, operation: "revoke", payload }
    case 3:
      return { op: 29, seq: 1, transitionId: id, commit: payload }
    default:
      return { op: 30, seq: 1, transitionId: id, welcome: payload }
  }
}

/** Flips bits, cuts off the end and appends bytes. */
const spoil = (original: Uint8Array, flips: ReadonlyArray<number>, cut: number, tail: Uint8Array): Uint8Array => {
  const spoilt = Uint8Array.from([...original.subarray(0, original.length - (cut % original.length)), ...tail])
  for (const flip of flips) {
    const at = flip % (spoilt.length * 8)
    spoilt[at >>> 3] = (spoilt[at >>> 3] ?? 0) ^ (1 << (at & 7))
  }
  return spoilt
}

const alive = (exit: Exit.Exit<void>) => assert.isTrue(Exit.isSuccess(exit), String(exit))

describe("a voice gateway's messages about the group", () => {
  it.effect.prop(
    "never break a connection, whatever they contain",
    [
      Arbitrary.array(bytes(300), { maxLength: 20 }),
      Arbitrary.array(Arbitrary.schema(uint(4)), { minLength: 20, maxLength: 20 })
    ],
    ([payloads, ops]) =>
      Effect.gen(function*() {
        const { e2ee } = yield* rig
        for (const [i, payload] of payloads.entries()) {
          alive(yield* Effect.exit(e2ee.onFrame(frameOf(ops[i] ?? 0, payload, i & 3))))
        }
      }).pipe(Effect.scoped, Effect.provide(Dave.layer))
  )

  it.effect.prop(
    "never break a connection if one of them is slightly damaged",
    [
      Arbitrary.schema(uint(2)),
      Arbitrary.array(Arbitrary.schema(uint(0xffff)), { maxLength: 4 }),
      Arbitrary.schema(uint(40)),
      bytes(4)
    ],
    ([which, flips, cut, tail]) =>
      Effect.gen(function*() {
        const { e2ee, group, own } = yield* rig
        const { commit, proposals, welcome } = yield* genuine(group, own)
        const spoilt = (original: Uint8Array, index: number) =>
          which === index ? spoil(original, flips, cut, tail) : original
        alive(yield* Effect.exit(e2ee.onFrame({ op: 27, seq: 1, operation: "append", payload: spoilt(proposals, 0) })))
        alive(yield* Effect.exit(e2ee.onFrame({ op: 29, seq: 2, transitionId: 1, commit: spoilt(commit, 1) })))
        alive(yield* Effect.exit(e2ee.onFrame({ op: 30, seq: 3, transitionId: 1, welcome: spoilt(welcome, 2) })))
      }).pipe(Effect.scoped, Effect.provide(Dave.layer))
  )

  it.effect("are accepted if they are valid", () =>
    Effect.gen(function*() {
      const { e2ee, group, own } = yield* rig
      const { welcome } = yield* genuine(group, own)
      yield* e2ee.onFrame({ op: 30, seq: 1, transitionId: 0, welcome })
      assert.sameMembers([...(group.membership()?.members ?? [])], [self, other])
    }).pipe(Effect.scoped, Effect.provide(Dave.layer)))
})

describe("a member's frames", () => {
  it.effect.prop(
    "are never delivered if they are arbitrary bytes",
    [Arbitrary.array(bytes(200), { maxLength: 50 })],
    ([payloads]) =>
      Effect.gen(function*() {
        const { e2ee, group, heard, own } = yield* rig
        const { welcome } = yield* genuine(group, own)
        yield* e2ee.onFrame({ op: 30, seq: 1, transitionId: 0, welcome })
        for (const payload of payloads) {
          for (const trailer of [[], [0xfa, 0xfa], [1, 12, 0xfa, 0xfa]]) {
            e2ee.receive({
              ssrc: Ssrc.make(7),
              userId: other,
              sequence: 0,
              timestamp: 0,
              payload: Uint8Array.from([...payload, ...trailer]),
              arrivalMs: 0
            })
          }
        }
        assert.deepStrictEqual(heard, [])
      }).pipe(Effect.scoped, Effect.provide(Dave.layer))
  )
})
