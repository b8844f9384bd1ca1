import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { OggOpusDecoder } from "ogg-opus-decoder"
import * as Asset from "../../src/cli/Asset.ts"
import { demoCommand } from "../../src/cli/demo.ts"
import { longPacket, ogg, packet, readPackets, readPages, webm } from "../audio/samples.ts"

const run = Command.runWith(demoCommand, { version: "test" })

const directory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "demo-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

/** Runs the demo over loopback. Returns what it printed and the packets of the recording. */
const demo = Effect.fnUntraced(function*(bytes: Uint8Array, ...args: ReadonlyArray<string>) {
  const path = yield* directory
  const file = Path.join(path, "song.ogg")
  const recording = Path.join(path, "heard.ogg")
  Fs.writeFileSync(file, bytes)
  const exit = yield* Effect.result(run([file, "--record", recording, ...args]))
  const output = (yield* TestConsole.logLines).join("\n")
  const errors = (yield* TestConsole.errorLines).join("\n")
  const recorded = Fs.existsSync(recording) ? readPackets(new Uint8Array(Fs.readFileSync(recording)), 1).slice(2) : []
  return { well: exit._tag === "Success", output, errors, recorded, recording }
})

const packets = [...Array.from({ length: 12 }, (_, i) => packet(i, 3, 60 + i)), packet(50, 2), longPacket(60, 600)]
const expected = packets.map(({ data }) => data)

/** A machine that stalls leaves gaps, which the recording fills with silent CELT frames of any length. */
const isSilence = ([toc, second, third, ...rest]: Uint8Array) =>
  [0xe0, 0xe8, 0xf0, 0xf8].includes(toc ?? 0) && second === 0xff && third === 0xfe && rest.length === 0

const sounding = (recorded: ReadonlyArray<Uint8Array>) => recorded.filter((data) => !isSilence(data))

describe("demo", () => {
  for (
    const args of [
      [],
      ["--mode", "aead_aes256_gcm_rtpsize", "--voice-version", "9"],
      ["--voice-version", "7"],
      ["--mode", "xsalsa20_poly1305_lite"],
      ["--voice-version", "2"]
    ]
  ) {
    it.live(`plays a file so that every frame is heard ${args.join(" ")}`, () =>
      Effect.gen(function*() {
        const { errors, output, recorded, recording, well } = yield* demo(ogg(packets), ...args)
        assert.isTrue(well, output + errors)
        assert.match(output, /^Playing song\.ogg/)
        const isEncrypted = args.length === 0 || args[3] === "9"
        assert.match(output, isEncrypted ? /^End-to-end encrypted \(DAVE 1\)/m : /^Not end-to-end encrypted$/m)
        assert.strictEqual(output.includes("the listener saw the same code"), isEncrypted)
        assert.match(output, /track {6}finished/)
        assert.match(output, /14 of 14 frames, bit-exact/)
        assert.include(output, `recording  ${recording}`)
        assert.notInclude(output, "objection  violation")
        if (args[0] === "--mode") assert.include(output, args[1] ?? "")
        assert.deepStrictEqual(sounding(recorded), expected)
      }).pipe(Effect.provide([NodeServices.layer, TestConsole.layer])))
  }

  it.live("plays WebM", () =>
    Effect.gen(function*() {
      const { output, recorded, well } = yield* demo(webm(packets))
      assert.isTrue(well, output)
      assert.deepStrictEqual(sounding(recorded), expected)
    }).pipe(Effect.provide([NodeServices.layer, TestConsole.layer])))

  it.live("hears the listener's answer, and records it", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const answered = Path.join(path, "answered.ogg")
      // The first second of it.
      const bytes = new Uint8Array(Fs.readFileSync(Asset.answer))
      const said = readPackets(bytes, readPages(bytes)[0]?.serial ?? 0).slice(2, 52)
      const answering = Path.join(path, "answer.ogg")
      Fs.writeFileSync(answering, ogg(said.map((data) => ({ data, samples: 960 }))))
      const { errors, output, well } = yield* demo(ogg(packets), "--answer", answering, "--record-answer", answered)
      assert.isTrue(well, output + errors)
      assert.match(output, /14 of 14 frames, bit-exact/)
      assert.match(output, /^bot \[#+-*\] +-\d+ dB +listener \[-+\] +- dB$/m)
      assert.match(output, /answer {5}\d\.\d s of speech in 1 utterance, noticed after \d+ ms/)
      assert.include(output, `answer     ${answered}`)
      const hex = (data: Uint8Array) => Buffer.from(data).toString("hex")
      const heard = readPackets(new Uint8Array(Fs.readFileSync(answered)), 1).slice(2).map(hex)
      assert.includeMembers(heard, said.slice(0, 40).map(hex))

      const missing = yield* demo(ogg(packets), "--answer", Path.join(path, "missing.ogg"))
      assert.isFalse(missing.well)
      assert.match(missing.errors, /missing\.ogg failed \(NotFound\)/)
    }).pipe(Effect.provide([NodeServices.layer, TestConsole.layer])))

  it.live("fails for a truncated file, and still reports what was heard", () =>
    Effect.gen(function*() {
      const { output, well } = yield* demo(ogg(packets, { segments: 4 }).slice(0, -1))
      assert.isFalse(well)
      assert.match(output, /track .*song\.ogg failed at .*Truncated/)
      assert.match(output, /(\d+) of \1 frames, bit-exact/)
    }).pipe(Effect.provide([NodeServices.layer, TestConsole.layer])))

  it.live("leaves and ends on SIGTERM while playing", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const bin = Path.resolve(import.meta.dirname, "../../src/cli/bin.ts")
      const code = yield* Effect.callback<number | null>((resume) => {
        const child = spawn(process.execPath, [bin, "demo", "--record", Path.join(path, "heard.ogg")], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        child.stdout.once("data", () => child.kill("SIGTERM"))
        child.on("close", (code) => resume(Effect.succeed(code)))
        return Effect.sync(() => child.kill("SIGKILL"))
      })
      assert.strictEqual(code, 130)
    }).pipe(Effect.scoped))

  it.live("says in one line what is wrong with a file", () =>
    Effect.gen(function*() {
      const { errors, output, recorded, well } = yield* demo(new TextEncoder().encode("something else"))
      assert.isFalse(well)
      assert.match(errors, /song\.ogg failed \(UnknownFormat\)/)
      assert.strictEqual(errors.split("\n").length, 1)
      assert.strictEqual(output, "")
      assert.deepStrictEqual(recorded, [])
    }).pipe(Effect.provide([NodeServices.layer, TestConsole.layer])))

  it.live("does not start if a recording could not be written, or would overwrite its input", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const at = (name: string) => Path.join(path, name)
      const bytes = ogg(packets)
      for (const name of ["song.ogg", "answer.ogg"]) Fs.writeFileSync(at(name), bytes)
      Fs.symlinkSync(at("song.ogg"), at("linked.ogg"))
      const answer = ["--answer", at("answer.ogg")]
      for (
        const [args, message] of [
          [["--record", at("song.ogg")], `${at("song.ogg")} would be overwritten: choose another file for --record.`],
          [["--record", at("linked.ogg")], `${at("song.ogg")} would be overwritten: choose another file for --record.`],
          [
            [...answer, "--record-answer", at("answer.ogg")],
            `${at("answer.ogg")} would be overwritten: choose another file for --record-answer.`
          ],
          [
            [...answer, "--record", at("a.ogg"), "--record-answer", at("a.ogg")],
            `--record and --record-answer name the same file, ${at("a.ogg")}: choose another one for one of them.`
          ],
          [["--record", path], `--record ${path}: it is a folder.`],
          [["--record", at("none/a.ogg")], `--record ${at("none/a.ogg")}: the folder ${at("none")} does not exist.`],
          [["--record-answer", at("a.ogg")], "--record-answer records the listener's answer, but there is none"]
        ] as const
      ) {
        const { errors, exit, lines } = yield* Effect.gen(function*() {
          const exit = yield* Effect.result(run([at("song.ogg"), ...args]))
          return { exit, lines: yield* TestConsole.logLines, errors: yield* TestConsole.errorLines }
        }).pipe(Effect.provide(TestConsole.layer, { local: true }))
        assert.strictEqual(exit._tag, "Failure", args.join(" "))
        assert.lengthOf(lines, 0)
        assert.lengthOf(errors, 1)
        assert.isTrue(String(errors[0]).startsWith(message), String(errors[0]))
      }
      assert.deepStrictEqual(Fs.readdirSync(path).toSorted(), ["answer.ogg", "linked.ogg", "song.ogg"])
      assert.deepStrictEqual(new Uint8Array(Fs.readFileSync(at("song.ogg"))), bytes)
    }).pipe(Effect.provide(NodeServices.layer)))

  it("includes a piece of music that is stereo, 14 seconds long, small and well-formed", async () => {
    const bytes = new Uint8Array(Fs.readFileSync(Asset.music))
    assert.isBelow(bytes.length, 250_000)
    assert.isAbove(readPages(bytes).length, 10)
    const decoder = new OggOpusDecoder()
    await decoder.ready
    const { channelData, errors, samplesDecoded } = await decoder.decodeFile(bytes)
    decoder.free()
    assert.deepStrictEqual([errors, channelData.length, samplesDecoded], [[], 2, 14 * 48_000])
    const [left = new Float32Array(1), right = new Float32Array(1)] = channelData
    const power = (samples: Float32Array) => samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length
    assert.isAbove(power(left), 0.005)
    assert.isAbove(power(left.map((sample, i) => sample - (right[i] ?? 0))), 0.0005)
    assert.isBelow(left.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0), 1)
  })
})
