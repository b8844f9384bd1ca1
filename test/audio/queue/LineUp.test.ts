import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as LineUp from "../../../src/audio/queue/LineUp.ts"

const of = (repeat: LineUp.Repeat, ...items: ReadonlyArray<string>) => {
  const line = LineUp.make<string>(repeat)
  for (const item of items) line.insert(item)
  return line
}

const played = { isRepeatable: true, isSkipped: false }

describe("LineUp", () => {
  it("inserts at an index, which is limited to the range", () => {
    const line = of("off", "a", "b")
    line.insert("c", 1)
    line.insert("d", -1)
    line.insert("e", 99)
    line.insert("f", NaN)
    assert.deepStrictEqual(line.upcoming(), ["d", "a", "c", "b", "e", "f"])
    line.remove("f")
    line.remove("c")
    line.remove("nobody")
    assert.deepStrictEqual(line.upcoming(), ["d", "a", "b", "e"])
  })

  it("can be rearranged and cleared, and can change its repeat mode", () => {
    const line = of("off", "a", "b", "c")
    line.arrange(["c", "a", "b"])
    assert.deepStrictEqual(line.upcoming(), ["c", "a", "b"])
    line.clear()
    assert.deepStrictEqual(line.upcoming(), [])
    assert.isUndefined(line.next("a"))
    line.setRepeat("all")
    assert.strictEqual(line.repeat(), "all")
    assert.strictEqual(line.next("a"), "a")
  })

  for (
    const [repeat, next, after, history] of [
      ["off", "b", ["b"], ["a"]],
      // it is not over yet
      ["one", "a", ["a", "b"], []],
      ["all", "b", ["b", "a"], ["a"]]
    ] as const
  ) {
    it(`repeats ${repeat}`, () => {
      const line = of(repeat, "b")
      assert.strictEqual(line.next("a"), next)
      line.played("a", played)
      assert.deepStrictEqual(line.upcoming(), after)
      assert.deepStrictEqual(line.history(), history)
      assert.strictEqual(line.next(undefined), after[0])
    })
  }

  it("repeats a single entry in mode \"all\", and nothing in mode \"off\"", () => {
    assert.strictEqual(of("all").next("a"), "a")
    assert.isUndefined(of("off").next("a"))
    assert.isUndefined(of("one").next(undefined))
  })

  it("repeats neither a skipped entry in mode \"one\" nor an unplayable one", () => {
    const one = of("one")
    one.played("a", { isRepeatable: true, isSkipped: true })
    assert.deepStrictEqual(one.upcoming(), [])
    const all = of("all")
    all.played("a", { isRepeatable: true, isSkipped: true })
    all.played("b", { isRepeatable: false, isSkipped: false })
    assert.deepStrictEqual(all.upcoming(), ["a"])
    assert.deepStrictEqual(all.history(), ["b"], "alone it is next itself")
  })

  it("goes back to the last played entry, with the current one after it", () => {
    const line = of("all", "c")
    line.played("a", played)
    const recalled = line.recall() ?? ""
    line.return(recalled, "b")
    assert.deepStrictEqual(line.upcoming(), ["a", "b", "c"], "and it waits once, though it would be repeated")
    assert.deepStrictEqual(line.history(), [])
    assert.isUndefined(line.recall())
  })

  it("goes back to a repeated entry only once", () => {
    const line = of("one", "b")
    line.setRepeat("off")
    line.played("a", played)
    line.setRepeat("one")
    const recalled = line.recall() ?? ""
    line.return(recalled, "a")
    assert.deepStrictEqual(line.upcoming(), ["a", "b"])
  })

  it("remembers the last hundred entries", () => {
    const line = LineUp.make<number>("off")
    for (let i = 0; i < 150; i++) line.played(i, played)
    assert.strictEqual(line.history().length, 100)
    assert.strictEqual(line.history()[0], 50)
  })

  const Step = Schema.Union([
    Schema.Struct({ _tag: Schema.tag("end"), isSkipped: Schema.Boolean }),
    Schema.Struct({ _tag: Schema.tag("back") }),
    Schema.Struct({ _tag: Schema.tag("repeat"), repeat: Schema.Literals(["off", "one", "all"]) })
  ])

  it.prop("neither loses nor duplicates an entry, whatever is skipped, repeated and recalled", [
    Arbitrary.array(Arbitrary.schema(Step), { maxLength: 60 })
  ], ([steps]) => {
    const line = of("off", "a", "b", "c", "d")
    const takeNext = (): string | undefined => {
      const next = line.upcoming()[0]
      if (next !== undefined) line.remove(next)
      return next
    }
    let current = takeNext()
    for (const step of steps) {
      if (step._tag === "repeat") line.setRepeat(step.repeat)
      else if (step._tag === "back") {
        const recalled = line.recall()
        if (recalled === undefined) continue
        line.return(recalled, current)
        current = takeNext()
      } else if (current !== undefined) {
        line.played(current, { isRepeatable: true, isSkipped: step.isSkipped })
        current = takeNext()
      }
      const waiting = line.upcoming()
      assert.strictEqual(new Set(waiting).size, waiting.length)
      assert.isFalse(current !== undefined && waiting.includes(current))
      const known = new Set([...waiting, ...line.history(), ...(current === undefined ? [] : [current])])
      assert.strictEqual(known.size, 4)
    }
  })
})
