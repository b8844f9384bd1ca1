/**
 * The machine: programs, the network of this host, the beat, and limits.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Dgram from "node:dgram"
import * as Fs from "node:fs"
import { availableParallelism } from "node:os"
import * as Path from "node:path"
import * as ChildProcess from "../audio/process/ChildProcess.ts"
import * as Ffmpeg from "../audio/source/Ffmpeg.ts"
import * as AudioClock from "../AudioClock.ts"
import * as Lateness from "../driver/media/Lateness.ts"
import * as Transport from "../Transport.ts"
import * as Check from "./Check.ts"

/** Whether a file is executable. */
const isProgram = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.X_OK)
    return Fs.statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * The path of a program of this name, according to the environment variables.
 *
 * @internal
 */
export const which = (command: string, env: NodeJS.ProcessEnv = process.env): string | undefined => {
  if (/[/\\]/.test(command)) return isProgram(command) ? Path.resolve(command) : undefined
  const endings = process.platform === "win32" ? ["", ...(env["PATHEXT"] ?? ".EXE;.CMD").split(";")] : [""]
  return (env["PATH"] ?? "").split(Path.delimiter)
    .filter((folder) => folder !== "")
    .flatMap((folder) => endings.map((ending) => Path.join(folder, `${command}${ending}`)))
    .find(isProgram)
}

/** The maximum output of a program in bytes: if there is more it is not the expected program, and is ended. */
const maxOutput = 65_536

/** The standard output of a program. */
const output = Effect.fnUntraced(function*(command: string, args: ReadonlyArray<string>) {
  const bytes = yield* ChildProcess.open({ command, args }, command)
  const parts: Array<Uint8Array> = []
  let size = 0
  while (size < maxOutput) {
    const part = yield* bytes.next
    if (part === undefined) break
    parts.push(part)
    size += part.length
  }
  return Buffer.concat(parts).toString()
})

const program = (name: "ffmpeg" | "ffprobe", command: string, without: string): Effect.Effect<Check.Check> =>
  Effect.suspend(() => {
    const subject: Check.Subject = { group: "program", name, isRequired: false }
    const remedy = `install ffmpeg, or set its path: without it, ${without}`
    const path = which(command)
    if (path === undefined) {
      return Effect.succeed(Check.missing(subject, `${command} was not found on the PATH`, remedy))
    }
    return Effect.map(
      Check.attempt(
        subject,
        remedy,
        Effect.flatMap(output(path, ["-version"]), (said) => {
          const version = /version (\S+)/.exec(said)?.[1]
          return version === undefined
            ? Effect.fail(new Check.Unfit(`${path} does not print a version as ${name} does`))
            : Effect.succeed({ detail: `${version} at ${path}`, facts: { version, path } })
        })
      ),
      (check) => check.status === "missing" ? { ...check, facts: { path } } : check
    )
  })

/**
 * Checks ffmpeg, and the ffprobe next to it.
 *
 * @internal
 */
export const programs = (command: string): Effect.Effect<ReadonlyArray<Check.Check>> => {
  const ffprobe = Ffmpeg.besides(command)
  return Effect.all([
    program("ffmpeg", command, "HLS and formats that this package does not decode cannot be played"),
    ...(ffprobe === undefined
      ? []
      : [program("ffprobe", ffprobe, "the duration and the tags of what ffmpeg plays are unknown")])
  ])
}

/** An answer on loopback takes microseconds. */
const answerMs = 2_000

/** A socket that sends back what it receives. */
const echo = Effect.acquireRelease(
  Effect.callback<Dgram.Socket, Check.Unfit>((resume) => {
    const socket = Dgram.createSocket("udp4")
    const fail = (error: unknown) => {
      socket.close()
      resume(Effect.fail(new Check.Unfit(`no socket: ${String(error)}`)))
    }
    socket.once("error", fail)
    socket.on("message", (message, { address, port }) => socket.send(message, port, address, () => undefined))
    socket.bind(0, "127.0.0.1", () => {
      // if an echo cannot be sent, whoever waits for it will notice
      socket.off("error", fail).on("error", () => undefined)
      resume(Effect.succeed(socket))
    })
  }),
  (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
)

/**
 * Sends a datagram to 127.0.0.1 and back, with the transport of the library.
 *
 * @internal
 */
export const udp: Effect.Effect<Check.Check> = Check.attempt(
  { group: "udp", name: "loopback", isRequired: true },
  "allow the process to open UDP sockets: check the sandbox or firewall of the host",
  Effect.gen(function*() {
    const { port } = (yield* echo).address()
    const socket = yield* (yield* Transport.DatagramTransport).connect({ address: "127.0.0.1", port })
    const said = Uint8Array.from({ length: 200 }, (_, at) => at)
    const sentMs = performance.now()
    const heard = yield* Effect.callback<Uint8Array>((resume) => {
      socket.onDatagram((datagram) => resume(Effect.succeed(datagram)))
      socket.send(said, said.length, true)
    }).pipe(Effect.timeoutOrElse({
      duration: answerMs,
      orElse: () => Effect.fail(new Check.Unfit(`what was sent did not come back within ${answerMs} ms`))
    }))
    if (Buffer.compare(heard, said) !== 0) {
      return yield* Effect.fail(new Check.Unfit("what came back is not what was sent"))
    }
    return { detail: "sends and receives", facts: { roundTripMs: performance.now() - sentMs } }
  }).pipe(Effect.provide(Transport.layerDatagram))
)

/** A packet that is sent more than half a frame late uses up the listeners' jitter buffers. One in twenty may. */
const lateMs = AudioClock.frameMs / 2

const round = (ms: number): number => Math.round(ms * 100) / 100

const mostBeatMs = 60_000

/**
 * Measures how late the clock calls a sender that is due every 20 ms, over this duration, at most a minute.
 *
 * @internal
 */
export const beat = (duration: Duration.Input): Effect.Effect<Check.Check> => {
  // an invalid duration counts as zero
  const wantedMs = Option.match(Duration.fromInput(duration), { onNone: () => 0, onSome: Duration.toMillis })
  const beats = Math.max(1, Math.ceil(Math.min(wantedMs, mostBeatMs) / AudioClock.frameMs))
  const remedy =
    "give the process more CPU time, or move the work that keeps it busy: Voice.layerThread runs the beat in a thread (docs/driver.md)"
  return Check.attempt(
    { group: "clock", name: "beat", isRequired: false },
    remedy,
    Effect.gen(function*() {
      const clock = yield* AudioClock.AudioClock
      const lateness = yield* Effect.acquireRelease(
        Effect.sync(Lateness.make),
        (histogram) => Effect.sync(() => histogram.close())
      )
      yield* Effect.callback<void>((resume) => {
        let left = beats
        let dueMs = Infinity
        const registration = clock.register({
          onDue: (nowMs) => {
            lateness.record(nowMs - dueMs)
            if (--left <= 0) {
              resume(Effect.void)
              return Infinity
            }
            // like a sender after a stall: continues with the next time in its slot
            do dueMs += AudioClock.frameMs
            while (dueMs <= nowMs)
            return dueMs
          }
        })
        dueMs = registration.align(clock.now() + AudioClock.frameMs)
        registration.schedule(dueMs)
        return Effect.sync(() => registration.remove())
      })
      const [p50Ms, p95Ms, maxMs] = [lateness.percentile(0.5), lateness.percentile(0.95), lateness.max()].map(round)
      return {
        detail: `${beats} beats, late by ${p50Ms} ms at p50, ${p95Ms} at p95, ${maxMs} at most`,
        facts: { beats, p50Ms: p50Ms ?? 0, p95Ms: p95Ms ?? 0, maxMs: maxMs ?? 0 },
        ...((p95Ms ?? 0) > lateMs ? { remedy } : {})
      }
    }).pipe(Effect.provide(AudioClock.layer)),
    Check.patienceMs + beats * AudioClock.frameMs
  )
}

const readIfThere = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** With fewer files, some hundred connections with what they play and record exhaust the limit. */
const fewFiles = 1_024

/**
 * Checks the limit of open files, as given by Linux in /proc/self/limits. No check elsewhere.
 *
 * @internal
 */
export const openFiles = (limits: string | undefined): ReadonlyArray<Check.Check> => {
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1]
  if (soft === undefined) return []
  const count = Number(soft)
  return [Check.found({ group: "limit", name: "open-files", isRequired: false }, {
    detail: `${count}; each connection takes two, each file or program that plays one or more`,
    facts: { soft: count },
    ...(count < fewFiles ? { remedy: "raise it: ulimit -n, LimitNOFILE of systemd, --ulimit nofile of Docker" } : {})
  })]
}

/**
 * Checks the processors of the machine, and what a container's quota (cpu.max of cgroup v2) leaves of them.
 *
 * @internal
 */
export const processors = (available: number, cpuMax: string | undefined): Check.Check => {
  const [, quota, period] = /^(\d+) (\d+)/.exec(cpuMax ?? "") ?? []
  const share = quota === undefined || period === undefined ? available : Number(quota) / Number(period)
  const isLimited = share < available
  return Check.found({ group: "limit", name: "processors", isRequired: false }, {
    detail: isLimited ? `${round(share)} of ${available}, by the container's quota` : String(available),
    facts: { available, share: round(Math.min(share, available)) },
    ...(share < 1
      ? {
        remedy:
          "give the container a whole processor: a process that has used up its quota is stopped, which is heard as a gap"
      }
      : {})
  })
}

/**
 * @internal
 */
export const limits: Effect.Effect<ReadonlyArray<Check.Check>> = Effect.sync(() => [
  ...openFiles(readIfThere("/proc/self/limits")),
  processors(availableParallelism(), readIfThere("/sys/fs/cgroup/cpu.max"))
])
