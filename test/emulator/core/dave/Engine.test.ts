import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Engine from "../../../../src/emulator/core/dave/Engine.ts"
import { ChannelId, UserId } from "../../../../src/protocol/Identifier.ts"

describe("Engine", () => {
  it.each([
    ["Failed to process commit: NoGroup", "no-group"],
    ["Failed to process proposals: UnexpectedUser(13)", "unexpected-user"],
    [
      "Failed to process commit: ProcessingMessageFailed(ValidationError(InvalidMembershipTag))",
      "invalid-membership-tag"
    ],
    ["Failed to process proposals: DeserializeProposalFailed(DecodingError(\"2 Bytes Were read\"))", "decoding-error"],
    [
      "Failed to decrypt: DecryptionFailed(NoValidCryptorFound { media_type: AUDIO, encrypted_size: 17 })",
      "no-valid-cryptor-found"
    ],
    ["something else", "engine-failed"]
  ])("names the cause of %s", (message, cause) => {
    assert.strictEqual(Engine.causeOf(new Error(message)), cause)
  })

  it("names a cause even if what was thrown is not an error", () => {
    assert.strictEqual(Engine.causeOf(undefined), "engine-failed")
  })

  it("refuses user ids of more than 64 bits", () => {
    const made = Engine.make(1, UserId.make("99999999999999999999"), ChannelId.make("1"))
    assert.isTrue(Result.isFailure(made))
  })

  it("refuses unknown protocol versions", () => {
    assert.isTrue(Result.isFailure(Engine.make(99, UserId.make("1"), ChannelId.make("1"))))
  })
})
