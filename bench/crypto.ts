/**
 * Seals and opens packets of every mode, beside the bare call of the library that does the work.
 *
 * A packet is a 12-byte RTP header and a frame of 160 bytes, as Opus makes them at 64 kb/s. The bare call does what cannot
 * be left out: cipher, authentication and the result in a reused buffer, with all views and addresses at hand.
 */
import { Effect, Redacted } from "effect"
import loadSodium from "libsodium"
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto"
import nacl from "tweetnacl"
import { type EncryptionMode, modes, spec } from "../src/protocol/EncryptionMode.ts"
import * as RtpPacket from "../src/protocol/RtpPacket.ts"
import * as VoiceCrypto from "../src/VoiceCrypto.ts"
import { type Bench, interleave, ratio, type Report, show, type Subject } from "./measure.ts"

const headerBytes = RtpPacket.fixedHeaderBytes
const frameBytes = 160
const plainLength = headerBytes + frameBytes

/** Ciphertexts to open in turn; opening in place destroys them, so a round has as many operations as there are. */
const batch = 2000

interface Bare {
  readonly seal: () => void
  /** Opens the packet that `seal` made last. It is left as it is. */
  readonly open: () => void
}

const bareAesGcm = (key: Uint8Array): Bare => {
  const keyObject = createSecretKey(key)
  const nonce = new Uint8Array(12)
  const aad = new Uint8Array(headerBytes)
  const frame = new Uint8Array(frameBytes)
  const tag = new Uint8Array(16)
  const out = new Uint8Array(frameBytes)
  const box = new Uint8Array(frameBytes)
  return {
    seal: () => {
      const cipher = createCipheriv("aes-256-gcm", keyObject, nonce)
      cipher.setAAD(aad)
      box.set(cipher.update(frame))
      cipher.final()
      tag.set(cipher.getAuthTag())
    },
    open: () => {
      const decipher = createDecipheriv("aes-256-gcm", keyObject, nonce)
      decipher.setAAD(aad)
      decipher.setAuthTag(tag)
      out.set(decipher.update(box))
      decipher.final()
    }
  }
}

const bareXChaCha = async (keyBytes: Uint8Array): Promise<Bare> => {
  const sodium = await loadSodium({ getRandomValue: () => randomBytes(4).readUInt32LE(0) })
  const [key, nonce, aad, frame, box] = [32, 24, headerBytes, frameBytes, frameBytes + 16].map(sodium._malloc)
  if (key === undefined || nonce === undefined || aad === undefined || frame === undefined || box === undefined) {
    throw new Error("no memory")
  }
  sodium.HEAPU8.set(keyBytes, key)
  const encrypt = sodium._crypto_aead_xchacha20poly1305_ietf_encrypt
  const decrypt = sodium._crypto_aead_xchacha20poly1305_ietf_decrypt
  return {
    seal: () => {
      encrypt(box, 0, frame, frameBytes, 0, aad, headerBytes, 0, 0, nonce, key)
    },
    open: () => {
      if (decrypt(frame, 0, 0, box, frameBytes + 16, 0, aad, headerBytes, 0, nonce, key) !== 0) throw new Error("box")
    }
  }
}

const bareSecretBox = (key: Uint8Array): Bare => {
  // tweetnacl's type declarations leave `lowlevel` out
  const { lowlevel } = nacl as unknown as {
    readonly lowlevel: {
      readonly [name in "crypto_secretbox" | "crypto_secretbox_open"]: (
        out: Uint8Array,
        message: Uint8Array,
        length: number,
        nonce: Uint8Array,
        key: Uint8Array
      ) => number
    }
  }
  const nonce = new Uint8Array(24)
  const message = new Uint8Array(32 + frameBytes)
  const box = new Uint8Array(32 + frameBytes)
  return {
    seal: () => {
      lowlevel.crypto_secretbox(box, message, message.length, nonce, key)
    },
    open: () => {
      if (lowlevel.crypto_secretbox_open(message, box, box.length, nonce, key) !== 0) throw new Error("box")
    }
  }
}

const bareOf = (mode: EncryptionMode, key: Uint8Array): Bare | Promise<Bare> => {
  switch (spec(mode).cipher) {
    case "aes256-gcm":
      return bareAesGcm(key)
    case "xchacha20-poly1305":
      return bareXChaCha(key)
    case "xsalsa20-poly1305":
      return bareSecretBox(key)
  }
}

const oursOf = (cipher: VoiceCrypto.PacketCipher): { readonly seal: Subject["run"]; readonly open: Subject } => {
  const packet = cipher.allocate(plainLength + cipher.expansionBytes)
  const received = Array.from({ length: batch }, () => cipher.allocate(plainLength + cipher.expansionBytes))
  return {
    seal: (index) => {
      RtpPacket.writeHeader(packet, false, RtpPacket.payloadTypeOpus, index, index * 960, 1)
      if (cipher.seal(packet, headerBytes, plainLength) < 0) throw new Error(`${cipher.mode} does not seal`)
    },
    open: {
      name: "open",
      prepare: () => {
        for (const [index, buffer] of received.entries()) {
          RtpPacket.writeHeader(buffer, false, RtpPacket.payloadTypeOpus, index, index * 960, 1)
          cipher.seal(buffer, headerBytes, plainLength)
        }
      },
      run: (index) => {
        const buffer = received[index % batch]
        if (buffer === undefined || cipher.open(buffer, headerBytes, plainLength + cipher.expansionBytes) < 0) {
          throw new Error(`${cipher.mode} does not open`)
        }
      }
    }
  }
}

const run = Effect.fnUntraced(function*(quick: boolean) {
  const crypto = yield* VoiceCrypto.VoiceCrypto
  const key = randomBytes(32)
  const subjects: Array<Subject> = []
  for (const mode of modes) {
    const cipher = yield* crypto.make(mode, Redacted.make(key))
    const bare = yield* Effect.promise(() => Promise.resolve(bareOf(mode, key)))
    const ours = oursOf(cipher)
    bare.seal()
    subjects.push(
      { name: `${mode} seal ours`, run: ours.seal },
      { name: `${mode} seal bare`, run: bare.seal },
      { ...ours.open, name: `${mode} open ours` },
      { name: `${mode} open bare`, prepare: bare.seal, run: bare.open }
    )
  }
  const rounds = quick ? 3 : 15
  const figures = interleave(subjects, { rounds, operations: batch })
  const of = (name: string) => {
    const found = figures.get(name)
    if (found === undefined) throw new Error(`no figures of ${name}`)
    return found
  }
  const pairs = modes.flatMap((mode) =>
    ["seal", "open"].map((what) => {
      const ours = of(`${mode} ${what} ours`)
      const bare = of(`${mode} ${what} bare`)
      return { mode, what, ours, bare, ratio: ratio(ours, bare) }
    })
  )
  const report: Report = {
    rows: pairs.map(({ bare, mode, ours, ratio, what }) => ({
      mode,
      what,
      "ours us": show(ours),
      "bare us": show(bare),
      ratio: ratio.toFixed(2)
    })),
    figures: { unit: "microseconds a packet", headerBytes, frameBytes, rounds, operations: batch, modes: pairs },
    notes: [
      `${frameBytes}-byte frames, ${headerBytes}-byte headers; medians (minimum-maximum) of ${rounds} interleaved rounds of ${batch} packets`,
      "ours writes the RTP header, draws the nonce and works in place; bare is the library's call with everything at hand"
    ]
  }
  return report
})

/** The transport ciphers. */
export const crypto: Bench = {
  name: "crypto",
  summary: "seals and opens a packet in every mode, beside the bare library call",
  run: ({ quick }) => Effect.runPromise(run(quick).pipe(Effect.scoped, Effect.provide(VoiceCrypto.layer)))
}
