/**
 * Makes `sealing.json`: `node test/vectors/make-sealing.ts`. The packets are sealed by `@noble/ciphers` and laid out by
 * hand according to Discord's docs (Voice Connections, Transport Encryption Modes). They share no code with the
 * library.
 */
import { gcm } from "@noble/ciphers/aes.js"
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js"
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js"
import { writeFileSync } from "node:fs"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))
const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))

const key = Uint8Array.from({ length: 32 }, (_, i) => i)

/** Bytes that follow no obvious pattern and are the same every time. */
const filler = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 167 + 13 * length + 5) & 0xff)

const uint32 = (value: number): Uint8Array => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return Uint8Array.from(out)
}

const padded = (nonce: Uint8Array, length: number): Uint8Array => concat(nonce, new Uint8Array(length - nonce.length))

type Seal = (clear: Uint8Array, plain: Uint8Array, nonce: Uint8Array) => Uint8Array

const aesGcm: Seal = (clear, plain, nonce) => concat(clear, gcm(key, padded(nonce, 12), clear).encrypt(plain), nonce)
const xchacha: Seal = (clear, plain, nonce) =>
  concat(clear, xchacha20poly1305(key, padded(nonce, 24), clear).encrypt(plain), nonce)
const secretbox: Seal = (clear, plain, nonce) =>
  concat(clear, xsalsa20poly1305(key, padded(nonce, 24)).encrypt(plain), nonce)
const secretboxOfHeader: Seal = (clear, plain) =>
  concat(clear, xsalsa20poly1305(key, padded(clear.subarray(0, 12), 24)).encrypt(plain))

const modes: Record<string, { readonly seal: Seal; readonly rtpsize: boolean; readonly nonce: string }> = {
  aead_aes256_gcm_rtpsize: { seal: aesGcm, rtpsize: true, nonce: "counter" },
  aead_xchacha20_poly1305_rtpsize: { seal: xchacha, rtpsize: true, nonce: "counter" },
  aead_aes256_gcm: { seal: aesGcm, rtpsize: false, nonce: "counter" },
  xsalsa20_poly1305_lite_rtpsize: { seal: secretbox, rtpsize: true, nonce: "counter" },
  xsalsa20_poly1305_lite: { seal: secretbox, rtpsize: false, nonce: "counter" },
  xsalsa20_poly1305_suffix: { seal: secretbox, rtpsize: false, nonce: "random" },
  xsalsa20_poly1305: { seal: secretboxOfHeader, rtpsize: false, nonce: "header" }
}

/** `preamble` is what the rtpsize modes leave unencrypted after the fixed header. */
const packets = [
  { name: "a silence frame", header: "80780001000003c011223344", preamble: "", payload: "f8fffe", counter: 1 },
  { name: "nothing", header: "80780002000007800000ffff", preamble: "", payload: "", counter: 2 },
  {
    name: "an extension",
    header: "90780001000003c011223344",
    preamble: "bede0001",
    payload: "10ff0000f8fffe",
    counter: 1
  },
  {
    name: "two CSRCs, an extension and padding",
    header: "b2f8fffffffffc40deadbeef",
    preamble: "0102030405060708bede0002",
    payload: `1080900f00000000${hex(filler(60))}00000004`,
    counter: 0xffffffff
  },
  {
    name: "a frame of 160 bytes",
    header: "80780100000384000a0b0c0d",
    preamble: "",
    payload: hex(filler(160)),
    counter: 0
  },
  {
    name: "the longest frame of Opus",
    header: "80787fff7fffffff80000000",
    preamble: "",
    payload: hex(filler(1275)),
    counter: 0x80000000
  },
  {
    name: "an RTCP sender report",
    header: "80c8000611223344",
    preamble: "",
    payload: hex(filler(20)),
    counter: 77
  }
]

const vectors = Object.entries(modes).flatMap(([mode, { nonce: source, rtpsize, seal }]) =>
  packets.flatMap((packet) => {
    if (source === "header" && packet.header.length < 24) return []
    const clear = bytes(rtpsize ? packet.header + packet.preamble : packet.header)
    const plain = bytes(rtpsize ? packet.payload : packet.preamble + packet.payload)
    const nonce = source === "counter"
      ? uint32(packet.counter)
      : source === "random"
      ? filler(24).map((byte) => byte ^ packet.counter)
      : new Uint8Array(0)
    return [{
      mode,
      name: packet.name,
      nonce: hex(nonce),
      clear: hex(clear),
      plain: hex(plain),
      sealed: hex(seal(clear, plain, nonce))
    }]
  })
)

const document = {
  about:
    "Packets sealed by @noble/ciphers, see make-sealing.ts. All fields are hexadecimal. `nonce` is what stands at the "
    + "end of the packet (nothing in xsalsa20_poly1305, whose nonce is the header), `clear` the readable header, `plain` "
    + "what follows it before sealing, `sealed` the whole packet.",
  key: hex(key),
  vectors
}

writeFileSync(new URL("sealing.json", import.meta.url), `${JSON.stringify(document, null, 2)}\n`)
