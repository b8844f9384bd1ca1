/** The file of a thread that repeats what it hears, and does as it is told. */
import * as HelperThread from "../../src/transport/HelperThread.ts"

export const echo = (post: (message: string) => void): HelperThread.Helper<string> => ({
  receive: (message) => {
    if (message === "throw") throw new Error("the engine is worn out.\nRequire stack")
    if (message === "exit") process.exit(3)
    post(message)
  },
  close: () => {}
})

HelperThread.serve(echo)
