import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

// `gc` is not a global unless the process was started with the flag
setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Bytes in array buffers after everything that is unreferenced has been collected. */
export const bufferedBytes = async (): Promise<number> => {
  for (let i = 0; i < 5; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().arrayBuffers
}
