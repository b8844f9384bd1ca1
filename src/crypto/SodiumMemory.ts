/**
 * libsodium as a WebAssembly module, and the memory it works on. Its functions take addresses, so a packet in this memory is
 * sealed without a copy.
 *
 * The memory of a WebAssembly module grows by being replaced, which detaches all views of it. So it is grown once, when the
 * module is loaded, and later allocations are counted and limited.
 *
 * @since 0.1.0
 */
import load, { type SodiumModule } from "libsodium"
import { randomBytes } from "node:crypto"
import type { Workspace } from "./PacketCipher.ts"
import * as Workspaces from "./Workspaces.ts"

/** The initial size. Pages that are never touched cost no memory. */
const reservedBytes = 16 * 1024 * 1024

/** The maximum size of all buffers of all ciphers. The rest is for keys and fragmentation. */
const bufferBudget = 12 * 1024 * 1024

const totalBudget = 14 * 1024 * 1024

/** What the allocator may add to a block: its header and rounding. */
const blockOverhead = 16

/** A datagram is never longer. */
const scratchBytes = 65_536

/** @internal */
export interface SodiumMemory {
  readonly module: SodiumModule
  /** The address of `scratchBytes` bytes for packets from other memory. */
  readonly scratch: number
  readonly scratchBytes: number
  readonly workspace: Workspace
  /** Returns the address of a zeroed block for a key or the like, or 0. */
  readonly acquire: (size: number) => number
  /** Returns the address of a zeroed block for packets, or 0. */
  readonly acquireBuffer: (size: number) => number
  /** Zeroes a block and frees it. */
  readonly release: (address: number, size: number) => void
}

const make = (module: SodiumModule): SodiumMemory => {
  let used = 0
  const scratch = module._malloc(scratchBytes)
  const workspaceBlock = module._malloc(Workspaces.blockBytes)
  const workspace = Workspaces.make(() => Workspaces.cut(module.HEAPU8.buffer, workspaceBlock))

  const acquireWithin = (size: number, budget: number): number => {
    if (used + size + blockOverhead > budget) return 0
    const address = module._malloc(size)
    if (address === 0) return 0
    used += size + blockOverhead
    module.HEAPU8.fill(0, address, address + size)
    return address
  }

  return {
    module,
    scratch,
    scratchBytes,
    workspace,
    acquire: (size) => acquireWithin(size, totalBudget),
    acquireBuffer: (size) => acquireWithin(size, bufferBudget),
    release: (address, size) => {
      module.HEAPU8.fill(0, address, address + size)
      module._free(address)
      used -= size + blockOverhead
    }
  }
}

let loading: Promise<SodiumMemory> | undefined

/**
 * Loads the module, once per process. Rejects if it cannot be loaded; the next call tries again.
 *
 * @internal
 */
export const get = (): Promise<SodiumMemory> => {
  loading ??= load({ getRandomValue: () => randomBytes(4).readUInt32LE(0) }).then((module) => {
    if (module._sodium_init() < 0) throw new Error("sodium_init failed")
    const reserve = module._malloc(reservedBytes)
    if (reserve === 0) throw new Error(`${reservedBytes} bytes of memory could not be allocated`)
    module._free(reserve)
    return make(module)
  }).catch((cause) => {
    loading = undefined
    throw cause
  })
  return loading
}
