import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

// it is not a global of a process that was not started with it
setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** What is in buffers of memory when what nobody holds is gone. */
export const bufferedBytes = async (): Promise<number> => {
  for (let i = 0; i < 5; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().arrayBuffers
}
