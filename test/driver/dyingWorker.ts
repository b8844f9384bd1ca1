/** The file of a thread whose driver reports how it was started, and dies of the first message. */
import type { FromDriver, ToDriver } from "../../src/driver/messages.ts"
import * as HelperThread from "../../src/transport/HelperThread.ts"

HelperThread.serve<ToDriver, FromDriver>((post) => ({
  receive: (message) =>
    message._tag === "Begin"
      ? post({ _tag: "Log", level: "Warn", text: `begun with ${message.logLevel} and ${message.options.dave}` })
      : post({ _tag: "Died", detail: "it is worn out" }),
  close: () => {}
}))
