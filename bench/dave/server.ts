/**
 * A voice gateway's part in groups of two: a member of the bench's own, and the client that it adds.
 */
import { DAVESession } from "@snazzah/davey"
import { Result } from "effect"
import { randomBytes, randomInt } from "node:crypto"
import { u64 } from "../../src/emulator/core/dave/Bytes.ts"
import * as ExternalSender from "../../src/emulator/core/dave/ExternalSender.ts"
import * as KeyPackage from "../../src/emulator/core/dave/KeyPackage.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"

const sender = ExternalSender.make({
  bytes: (count) => new Uint8Array(randomBytes(count)),
  int: (limit) => randomInt(limit),
  next: () => randomInt(0x1_0000_0000) / 0x1_0000_0000
})

/** The engine's enumerations exist for its compiler only. */
const append = 0

/** Op 25. */
export const externalSender: Uint8Array = sender.bytes

/** The group of a channel, in which `guest` is alone until it adds `client` by its key package. */
export const pair = (
  channelId: string,
  guest: UserId,
  client: UserId,
  payload: Uint8Array
): { readonly session: DAVESession; readonly welcome: Uint8Array } => {
  const session = new DAVESession(1, guest, channelId)
  session.setExternalSender(Buffer.from(sender.bytes))
  session.getSerializedKeyPackage()
  const keyPackage = Result.getOrThrow(KeyPackage.decode(payload, client))
  const proposal = sender.add(u64(BigInt(channelId)), 0n, keyPackage)
  const proposals = Buffer.from(ExternalSender.appending([proposal]))
  const { commit, welcome } = session.processProposals(append, proposals, [guest, client])
  if (commit === undefined || welcome === undefined) throw new Error("the engine made no commit of a proposal")
  session.processCommit(commit)
  return { session, welcome }
}
