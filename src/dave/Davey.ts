/**
 * The engine of end-to-end encryption, `@snazzah/davey`, wrapped in plain functions. It is loaded when it is first needed, so
 * everything else works on a machine without it.
 *
 * Some of its undocumented behavior: its encryptor is in the new epoch as soon as a commit or Welcome was processed; a session
 * that was reset continues to encrypt with its old key, so a new session is created instead; the external sender survives that.
 *
 * @since 0.1.0
 */
import type { DAVESession } from "@snazzah/davey"
import { createRequire } from "node:module"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import * as Location from "../transport/Location.ts"

/**
 * @category constants
 * @since 0.1.0
 */
export const maxVersion = 1

/** The engine's enums exist only in its types. */
const audio = 0
const append = 0
const revoke = 1
const awaiting = 2
const active = 3

interface Module {
  readonly DAVESession: new(version: number, userId: string, channelId: string) => DAVESession
}

/**
 * A session of the engine. All but the last three functions throw what the engine throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine {
  readonly create: (version: number) => Uint8Array
  readonly setExternalSender: (bytes: Uint8Array) => void
  readonly proposals: (
    operation: "append" | "revoke",
    payload: Uint8Array,
    recognised: ReadonlyArray<UserId>
  ) => Uint8Array | undefined
  readonly commit: (bytes: Uint8Array) => void
  readonly welcome: (bytes: Uint8Array) => void
  readonly verificationCode: (userId: UserId) => Promise<string>
  readonly membership: () =>
    | { readonly epoch: number; readonly privacyCode: string; readonly members: ReadonlyArray<UserId> }
    | undefined
  readonly encrypt: (frame: Uint8Array) => Uint8Array | undefined
  readonly decrypt: (userId: UserId, frame: Uint8Array) => Uint8Array | "NotMember" | "Undecryptable"
  readonly close: () => void
}

/**
 * The engine's own description of an error, without the sentence around it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const causeOf = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.replace(/^Failed to [^:]*: /, "")
}

let loaded: Module | undefined

/**
 * Bun defines `require` in this module, and `bun build --compile` takes a package and its binary into the executable only where
 * it sees this call. Node does not define it, and a bundler that leaves the package out may put something there that throws.
 */
const required = (): unknown => {
  try {
    return typeof require === "function" ? require("@snazzah/davey") : undefined
  } catch {
    return undefined
  }
}

const load = (): Module | { readonly failure: string } => {
  if (loaded !== undefined) return loaded
  try {
    // the module has the form of its types, as far as they are used here
    return loaded = (required() ?? createRequire(Location.of(import.meta.url))("@snazzah/davey")) as Module
  } catch (cause) {
    // tried again for the next group: the process may only have too many open files at the moment
    return { failure: `@snazzah/davey cannot be loaded: ${causeOf(cause).split("\n")[0] ?? ""}` }
  }
}

/** What comes from a socket of Node is already a Buffer; another view would cost a tenth of a microsecond per frame. */
const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Makes a session without a group, or says why there is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (userId: UserId, channelId: ChannelId): Engine | { readonly failure: string } => {
  const module = load()
  if ("failure" in module) return module
  let session: DAVESession | undefined
  let externalSender: Buffer | undefined

  /** Users are looked up by string, for a member on each frame. The engine treats unknown users as users who have left. */
  const begun = (): DAVESession => {
    if (session === undefined) throw new Error("NoGroup")
    return session
  }

  return {
    create: (version) => {
      const next = new module.DAVESession(version, userId, channelId)
      if (externalSender !== undefined) next.setExternalSender(externalSender)
      session = next
      return next.getSerializedKeyPackage()
    },
    setExternalSender: (bytes) => {
      const sender = Buffer.from(bytes)
      // a present group keeps its own: this is for the next one
      const isTaken = session !== undefined && session.status as number >= awaiting
      const taker = isTaken ? new module.DAVESession(maxVersion, userId, channelId) : session
      taker?.setExternalSender(sender)
      externalSender = sender
    },
    proposals: (operation, payload, recognised) => {
      const { commit, welcome } = begun().processProposals(
        operation === "append" ? append : revoke,
        bufferOf(payload),
        [...recognised]
      )
      return commit === undefined ? undefined : welcome === undefined ? commit : Buffer.concat([commit, welcome])
    },
    commit: (bytes) => begun().processCommit(bufferOf(bytes)),
    welcome: (bytes) => begun().processWelcome(bufferOf(bytes)),
    verificationCode: async (other) => await begun().getVerificationCode(other),
    membership: () => {
      if (session === undefined || (session.status as number) !== active) return undefined
      const { epoch, voicePrivacyCode } = session
      return epoch === null ? undefined : {
        epoch: Number(epoch),
        privacyCode: voicePrivacyCode,
        // the engine prints ids of 64 bits in decimal digits
        members: session.getUserIds() as Array<UserId>
      }
    },
    encrypt: (frame) => {
      try {
        return session?.encryptOpus(bufferOf(frame))
      } catch {
        return undefined
      }
    },
    decrypt: (sender, frame) => {
      try {
        return session === undefined ? "NotMember" : session.decrypt(sender, audio, bufferOf(frame))
      } catch (cause) {
        return causeOf(cause).startsWith("NoDecryptorForUser") ? "NotMember" : "Undecryptable"
      }
    },
    close: () => {
      session = undefined
    }
  }
}
