import { assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import * as HelperThread from "../../src/transport/HelperThread.ts"
import { echo } from "./helper.ts"

const helper = new URL("./helper.ts", import.meta.url)

const script = (source: string) => new URL(`data:text/javascript,${encodeURIComponent(source)}`)

/** Starts a thread, and logs what is heard of it. */
const start = (url: URL, options: Partial<HelperThread.Options<string, string>> = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const log: Array<string> = []
        const thread = HelperThread.start<string, string>({
          name: "test",
          url,
          here: echo,
          onMessage: (message) => log.push(message),
          onEnded: (detail) => log.push(`ended: ${detail}`),
          onUnavailable: (detail) => log.push(`unavailable: ${detail}`),
          ...options
        })
        return { log, thread }
      }),
      ({ thread }) => Effect.promise(thread.close)
    ),
    ({ log, thread }) => ({
      log,
      thread,
      until: (length: number) =>
        Effect.sleep("5 millis").pipe(Effect.repeat({ until: () => Effect.sync(() => log.length >= length) }))
    })
  )

type Started = Effect.Success<ReturnType<typeof start>>

describe("HelperThread", () => {
  it.live("delivers in order, including what was posted before it had started", () =>
    Effect.gen(function*() {
      const { log, thread, until } = yield* start(helper)
      thread.post("a")
      thread.post("b")
      yield* until(2)
      thread.post("c")
      yield* until(3)
      assert.deepStrictEqual(log, ["a", "b", "c"])
    }).pipe(Effect.scoped))

  it.live("has little space for new objects, so that collecting them takes little time", () =>
    Effect.gen(function*() {
      const source = `import { parentPort, resourceLimits } from "node:worker_threads"
        parentPort.postMessage(String(resourceLimits.maxYoungGenerationSizeMb))`
      // it is heard even before it says that it has started
      const { log, until } = yield* start(script(source))
      yield* until(1)
      assert.strictEqual(log[0], "3")
    }).pipe(Effect.scoped))

  it.live("runs in this thread if its file is missing, and reports which file and what to do", () =>
    Effect.gen(function*() {
      const { log, thread, until } = yield* start(new URL("./nowhere/daveWorker.js", import.meta.url))
      thread.post("a")
      thread.post("b")
      yield* until(3)
      thread.post("c")
      assert.lengthOf(log, 3, "its answers come later, as those of a thread do")
      yield* until(4)
      const [why, ...answers] = log
      assert.match(
        why ?? "",
        /^unavailable: Cannot find module '.*nowhere.daveWorker\.js'.*bundle.*docs\/deployment\.md/
      )
      assert.deepStrictEqual(answers, ["a", "b", "c"])
    }).pipe(Effect.scoped))

  it.live("runs in this thread if its file cannot be run, and reports what the file said", () =>
    Effect.gen(function*() {
      const { log, thread, until } = yield* start(script("throw new Error('no such processor')"))
      thread.post("a")
      yield* until(2)
      assert.deepStrictEqual(log, ["unavailable: no such processor", "a"])
    }).pipe(Effect.scoped))

  it.live("runs in this thread if it cannot have one of its own", () =>
    Effect.gen(function*() {
      const { log, thread, until } = yield* start(new URL("https://example.org/worker.js"))
      thread.post("a")
      yield* until(2)
      assert.match(log[0] ?? "", /^unavailable: ./)
      assert.strictEqual(log[1], "a")
    }).pipe(Effect.scoped))

  it.live("does not wait forever for the thread to start", () =>
    Effect.gen(function*() {
      const { log, thread, until } = yield* start(script("setInterval(() => {}, 1000)"), { deadlineMs: 300 })
      thread.post("a")
      yield* until(2)
      assert.deepStrictEqual(log, ["unavailable: it did not start within 300 ms", "a"])
    }).pipe(Effect.scoped))

  it.live("gives the thread half a minute to start by default", () =>
    Effect.gen(function*() {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
      const { log } = yield* start(script("setInterval(() => {}, 1000)"))
      const looked = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      vi.advanceTimersByTime(29_999)
      yield* looked
      assert.deepStrictEqual(log, [])
      vi.advanceTimersByTime(1)
      yield* looked
      assert.deepStrictEqual(log, ["unavailable: it did not start within 30000 ms"])
    }).pipe(Effect.scoped))

  for (
    const [when, end] of [
      ["has not started in time", ({ until }: Started) => until(1)],
      ["is closed", ({ thread }: Started) => Effect.promise(thread.close)]
    ] as const
  ) {
    it.live(`leaves no thread behind that ${when}`, () =>
      Effect.gen(function*() {
        let ticks = 0
        const signal = new BroadcastChannel(when)
        signal.addEventListener("message", () => ticks++)
        yield* Effect.addFinalizer(() => Effect.sync(() => signal.close()))
        const file = script(
          `import { BroadcastChannel } from "node:worker_threads"
          const signal = new BroadcastChannel("${when}")
          setInterval(() => signal.postMessage(1), 1)`
        )
        const started = yield* start(file, { deadlineMs: 1_000 })
        yield* Effect.sleep("5 millis").pipe(Effect.repeat({ until: () => ticks > 0 || started.log.length > 0 }))
        yield* end(started)
        /** How many looks in a row have seen no tick. */
        let silent = 0
        for (let look = 0, before = ticks; look < 500 && silent < 20; look++) {
          yield* Effect.sleep("10 millis")
          silent = ticks === before ? silent + 1 : 0
          before = ticks
        }
        assert.strictEqual(silent, 20)
      }).pipe(Effect.scoped))
  }

  it.live("waits for what the thread has said while this one was busy", () =>
    Effect.gen(function*() {
      const signal = new BroadcastChannel("started")
      yield* Effect.addFinalizer(() => Effect.sync(() => signal.close()))
      const file = script(
        `import { BroadcastChannel, parentPort } from "node:worker_threads"
        parentPort.on("message", (message) => parentPort.postMessage(message))
        parentPort.postMessage("effect-discord-voice: started")
        new BroadcastChannel("started").postMessage(1)`
      )
      const { log, thread, until } = yield* start(file, { deadlineMs: 1 })
      thread.post("a")
      // it accepts such a channel, too, which the types of Node do not know
      const port = signal as unknown as MessagePort
      while (receiveMessageOnPort(port) === undefined);
      yield* until(1)
      assert.deepStrictEqual(log, ["a"])
    }).pipe(Effect.scoped))

  it.live("reports why it has ended, in a thread of its own and in this one", () =>
    Effect.gen(function*() {
      for (const url of [helper, new URL("./nowhere.js", import.meta.url)]) {
        const { log, thread, until } = yield* start(url, { onUnavailable: () => {} })
        thread.post("throw")
        thread.post("throw")
        yield* until(1)
        thread.post("lost")
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(log, ["ended: the engine is worn out"])
      }
      let closed = 0
      const own = yield* start(new URL("./nowhere.js", import.meta.url), {
        here: (post) => ({ ...echo(post), close: () => void closed++ })
      })
      own.thread.post("throw")
      yield* own.until(2)
      assert.strictEqual(closed, 1)
      const { log, thread, until } = yield* start(helper)
      thread.post("exit")
      yield* until(1)
      assert.deepStrictEqual(log, ["ended: it exited with code 3"])
    }).pipe(Effect.scoped))

  it.live("reports nothing once it is closed", () =>
    Effect.gen(function*() {
      for (const url of [helper, new URL("./nowhere.js", import.meta.url)]) {
        const { log, thread, until } = yield* start(url, { onUnavailable: () => {} })
        thread.post("a")
        yield* until(1)
        thread.post("b")
        yield* Effect.promise(thread.close)
        thread.post("c")
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(log, ["a"])
      }
    }).pipe(Effect.scoped))
})

describe("fileBeside", () => {
  it("has the extension of the module that it lies next to", () => {
    const beside = (moduleUrl: string) => HelperThread.fileBeside(moduleUrl, "daveWorker").href
    assert.strictEqual(beside("file:///src/dave/Thread.ts"), "file:///src/dave/daveWorker.ts")
    assert.strictEqual(beside("file:///app/bot.js"), "file:///app/daveWorker.js")
    assert.strictEqual(beside("file:///app/bot.mjs?version=2"), "file:///app/daveWorker.mjs")
    assert.strictEqual(beside("file:///app/bot.cjs"), "file:///app/daveWorker.cjs")
    assert.strictEqual(beside("file:///app/bot"), "file:///app/daveWorker.js")
  })

  it("is somewhere if the location of the module is not known", () => {
    assert.match(HelperThread.fileBeside(undefined, "daveWorker").href, /^file:\/\/.*\/daveWorker\.[jt]s$/)
  })
})
