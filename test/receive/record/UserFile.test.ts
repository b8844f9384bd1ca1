import { assert, describe, it } from "@effect/vitest"
import { UserId } from "../../../src/protocol/Identifier.ts"
import * as Silence from "../../../src/receive/record/Silence.ts"
import * as UserFile from "../../../src/receive/record/UserFile.ts"
import { dataBytes, leftOf } from "./recording.ts"

const ada = UserId.make("100000000000000001")
const bob = UserId.make("100000000000000002")

/** Files of a format, with their bytes by name. */
const rig = (format: UserFile.Format, tags: Readonly<Record<string, string>> = {}) => {
  const files = new Map<string, Buffer>()
  const users = UserFile.make(format, {
    create: (name) => {
      const get = () => files.get(name) ?? Buffer.alloc(0)
      return {
        append: (bytes) => void files.set(name, Buffer.concat([get(), bytes])),
        overwrite: (bytes, position) => void get().set(bytes, position),
        resize: (to) => void files.set(name, Buffer.concat([get().subarray(0, to)], to)),
        written: () => ({ name, bytes: get().length })
      }
    }
  }, tags)
  return { files, users, of: (name: string) => new Uint8Array(files.get(name) ?? assert.fail(`there is no ${name}`)) }
}

/** `count` stereo samples that count up from a number. */
const counted = (from: number, count: number) => Int16Array.from({ length: count * 2 }, (_, i) => from + (i >> 1))

const packet = Uint8Array.of(0xfc, 1)

describe("a user's file in WAV", () => {
  it("has every sample in its place, however often it is made playable in between", () => {
    const { of, users } = rig("wav")
    const file = users.open(ada)
    for (let n = 0; n < 10; n++) {
      file.give(packet, 960, n * 960, true)
      // the output of a decoder is delayed by its look-ahead
      users.sound(ada, counted(n * 960 + 1, 960), n * 960 - UserFile.preSkip)
      users.flush()
      const length = (n + 1) * 960 - UserFile.preSkip
      assert.strictEqual(dataBytes(of(`${ada}.wav`)), 4 * length)
      const left = leftOf(of(`${ada}.wav`))
      assert.strictEqual(left.length, length)
      left.forEach((sample, i) => assert.strictEqual(sample * 32_768, i + 1 + UserFile.preSkip))
    }
  })

  it("is silent where nothing was said, and as long as it is told in the end", () => {
    const { of, users } = rig("wav")
    const [first, other] = [users.open(ada), users.open(bob)]
    users.sound(ada, counted(1, 960), 4_800)
    first.give(packet, 960, 4_800 + UserFile.preSkip, true)
    other.give(packet, 9_600, 0, false)
    users.flush()
    assert.strictEqual(dataBytes(of(`${bob}.wav`)), 4 * (9_600 - UserFile.preSkip))
    assert.isTrue(of(`${bob}.wav`).subarray(44).every((byte) => byte === 0))
    assert.deepStrictEqual([4_799, 4_800, 5_759].map((i) => (leftOf(of(`${ada}.wav`))[i] ?? NaN) * 32_768), [0, 1, 960])
    assert.strictEqual(first.due(20_000, 0, 0), 4 * (20_000 - 5_760))
    users.finish(20_000)
    for (const user of [ada, bob]) assert.strictEqual(dataBytes(of(`${user}.wav`)), 80_000)
    users.finish(5_000)
    assert.strictEqual(of(`${ada}.wav`).length, 44 + 20_000)
  })
})

describe("a user's file in Ogg", () => {
  it("needs no more bytes in the end than it announced, and not many fewer", () => {
    for (const seconds of [1, 10, 600]) {
      const { of, users } = rig("opus")
      const length = seconds * 48_000
      const least = users.least(ada, length)
      const file = users.open(ada)
      file.give(new Uint8Array(300).fill(0xfc), 960, 0, true)
      const [before, due] = [of(`${ada}.ogg`).length, file.due(length, 0, 0)]
      let at = 960
      Silence.fill(length + UserFile.preSkip - 960, (data, samples) => {
        file.give(data, samples, at, false)
        at += samples
      })
      file.finish(length)
      const { length: after } = of(`${ada}.ogg`)
      assert.isAtMost(after - before, due)
      assert.isAbove(after - before, due / 3 - 300)
      assert.isAtMost(after, least + 400)
    }
  })

  it("announces fewer bytes once it has written some", () => {
    const { of, users } = rig("opus")
    const file = users.open(ada)
    for (let n = 0; n < 10; n++) file.give(new Uint8Array(300).fill(0xfc), 960, n * 960, true)
    const before = { bytes: of(`${ada}.ogg`).length, due: file.due(48_000, 0, 0) }
    file.flush()
    assert.closeTo(before.due - file.due(48_000, 0, 0), of(`${ada}.ogg`).length - before.bytes, 100)
  })

  it("names the user who is heard in it, whatever the tags of the recording say", () => {
    const { of, users } = rig("opus", { ARTIST: "all of us", TITLE: "call" })
    users.open(ada)
    const text = Buffer.from(of(`${ada}.ogg`)).toString("latin1")
    assert.include(text, `ARTIST=${ada}`)
    assert.include(text, "TITLE=call")
    assert.notInclude(text, "all of us")
  })

  it("has a serial number of its own, so that files can be combined", () => {
    const { of, users } = rig("opus")
    const serials = [ada, bob].map((user) => {
      users.open(user)
      return Buffer.from(of(`${user}.ogg`)).readUInt32LE(14)
    })
    assert.strictEqual(new Set(serials).size, 2)
  })
})
