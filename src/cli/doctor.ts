/**
 * The command `doctor`: tries what voice needs from this machine and the installed packages, and says what to do about what is
 * missing.
 *
 * @since 0.1.0
 */
import { Command, Flag } from "effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Doctor from "../Doctor.ts"
import * as Checks from "./Checks.ts"

/**
 * Something that voice requires is missing. The details have been printed.
 *
 * @category errors
 * @since 0.1.0
 */
export class DoctorFailed extends Schema.TaggedError<DoctorFailed>("effect-discord-voice/cli/DoctorFailed")(
  "DoctorFailed",
  { detail: Schema.String }
) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return this.detail
  }
}

const flags = {
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print JSON, one object per line: each check, and the result at the end")
  ),
  ffmpeg: Flag.String("ffmpeg").pipe(
    Flag.withDefault("ffmpeg"),
    Flag.withDescription("Path of ffmpeg, if it is not on the PATH")
  )
}

/**
 * `doctor [--json] [--ffmpeg PATH]`. The exit code is 1 if something is missing without which no voice connection works.
 *
 * With `--json` every line on standard output is an object with an `event`: a `check` for each thing that was tried (`group`,
 * `name`, `status`, which is "ok", "warning" or "missing", `required`, `detail`, `remedy` or null, and `facts`), and finally
 * `end` with `fit` and the number of checks that were `ok`, `warning` and `missing`.
 *
 * @category commands
 * @since 0.1.0
 */
export const doctorCommand = Command.make(
  "doctor",
  flags,
  Effect.fnUntraced(function*({ ffmpeg, json }) {
    const checks = yield* Doctor.checks({ ffmpeg }).pipe(
      Stream.tap((check) => Console.log(Checks.text(check, json))),
      Stream.runCollect
    )
    const count = (status: Doctor.Check["status"]) => checks.filter((check) => check.status === status).length
    const verdict = Doctor.verdict(checks)
    const isFit = !checks.some(Doctor.isObstacle)
    yield* Console.log(
      json
        ? JSON.stringify({
          event: "end",
          fit: isFit,
          ok: count("ok"),
          warning: count("warning"),
          missing: count("missing"),
          message: verdict
        })
        : `\n${verdict}`
    )
    if (!isFit) return yield* new DoctorFailed({ detail: verdict })
  })
).pipe(
  Command.withDescription("Check that this machine and the installed packages have everything that voice needs"),
  Command.withExamples([
    {
      command: "effect-discord-voice doctor",
      description: "Check everything, and say what to do about anything that is missing"
    },
    {
      command: "effect-discord-voice doctor --json",
      description: "The same for a program, or to attach to a bug report"
    }
  ])
)
