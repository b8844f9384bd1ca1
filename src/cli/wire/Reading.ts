/**
 * Reads a wire log entry by entry, and describes each.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as CloseCode from "../../protocol/CloseCode.ts"
import { VoiceVersion } from "../../protocol/VoicePayload.ts"
import type { Entry } from "../../WireLog.ts"
import * as Findings from "./Findings.ts"
import * as Opcodes from "./Opcodes.ts"
import { Whereabouts } from "./Whereabouts.ts"

/**
 * One line for a person. `title` is what it is, `detail` what it contains, and `findings` what in it is unknown here or
 * indicates a fault.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly entry: Entry
  readonly title: string
  readonly detail: string
  readonly findings: ReadonlyArray<string>
}

const isVersion = Schema.is(VoiceVersion)

const gatewayOf = (socket: string): "voice" | "main" => socket.startsWith("voice") ? "voice" : "main"

const opOf = (message: unknown): number | undefined =>
  Predicate.hasProperty(message, "op") && typeof message.op === "number" ? message.op : undefined

const dataOf = (message: unknown): string =>
  JSON.stringify(Predicate.hasProperty(message, "d") ? message.d : undefined) ?? ""

const eventOf = (message: unknown): string | undefined =>
  Predicate.hasProperty(message, "t") && typeof message.t === "string" ? message.t : undefined

type Message = Extract<Entry, { readonly kind: "message" }>
type Binary = Extract<Entry, { readonly kind: "binary" }>

const titleOf = (gateway: "voice" | "main", op: number, event?: string): string =>
  event ?? `op ${op} ${Opcodes.nameOf(gateway, op) ?? "?"}`

const talliesOf = (tallies: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>): string =>
  Object.entries(tallies).map(([kind, { bytes, packets }]) => `${packets} ${kind} (${bytes} B)`).join(", ") || "nothing"

const closeOf = (gateway: "voice" | "main", code: number) =>
  gateway === "voice" ? CloseCode.voice(code) : CloseCode.gateway(code)

/**
 * It remembers what was opened, so it has to be given all entries, in order.
 *
 * @category models
 * @since 0.1.0
 */
export class Reader {
  readonly #versions = new Map<string, VoiceVersion>()
  readonly #whereabouts = new Whereabouts()

  read(entry: Entry): Line {
    const line = (title: string, detail = "", findings: ReadonlyArray<string> = []): Line => ({
      entry,
      title,
      detail,
      findings
    })
    switch (entry.kind) {
      case "begin":
        return line("the log begins", `${entry.time}, Node ${entry.node}, ${entry.system}`)
      case "open":
        this.#opened(entry.socket, entry.remote)
        return line("opens", `${entry.remote}${entry.ssrc === undefined ? "" : `, SSRC ${entry.ssrc}`}`)
      case "refused":
        return line("is refused", entry.detail, ["it could not be opened"])
      case "message":
        return this.#message(entry, line)
      case "binary":
        return this.#binary(entry, line)
      case "datagram":
        return line(`${entry.type} datagram`, `${entry.bytes} B, ${entry.header}`)
      case "datagrams":
        return line("datagrams", `sent ${talliesOf(entry.sent)}; received ${talliesOf(entry.received)}`)
      case "closing":
        return line(`closes with ${entry.code}`, entry.reason)
      case "closed": {
        const { meaning, name } = closeOf(gatewayOf(entry.socket), entry.code)
        const isUsual = entry.code === 1000
        return line(`is closed with ${entry.code}`, entry.reason, isUsual ? [] : [`${name}: ${meaning}`])
      }
      case "released":
        return line("is released")
      case "full":
        return line("the log is full", "", ["what follows was not written"])
    }
  }

  #opened(socket: string, remote: string): void {
    const version = Number(URL.canParse(remote) ? new URL(remote).searchParams.get("v") ?? 1 : 1)
    if (isVersion(version)) this.#versions.set(socket, version)
  }

  #message(
    { bytes, direction, message, socket }: Message,
    line: (title: string, detail: string, findings: ReadonlyArray<string>) => Line
  ): Line {
    if (message === undefined) return line("unreadable text", `${bytes} B`, ["it is not a JSON object"])
    const gateway = gatewayOf(socket)
    const op = opOf(message)
    const title = op === undefined ? "a message without opcode" : titleOf(gateway, op, eventOf(message))
    const version = this.#versions.get(socket)
    if (direction === "out") {
      if (gateway === "main") this.#whereabouts.sent(message)
      return line(title, dataOf(message), [])
    }
    if (gateway === "main") {
      const findings = [...Findings.ofMain(message), ...this.#whereabouts.received(message)]
      return line(title, dataOf(message) || `${bytes} B`, findings)
    }
    return line(title, dataOf(message), version === undefined ? [] : Findings.ofVoice(version, message))
  }

  #binary(
    { bytes, direction, hex }: Binary,
    line: (title: string, detail: string, findings: ReadonlyArray<string>) => Line
  ): Line {
    const content = new Uint8Array(Buffer.from(hex, "hex"))
    const op = content[direction === "in" ? 2 : 0]
    const title = op === undefined ? "an empty binary message" : titleOf("voice", op)
    const findings = direction === "in" && content.length === bytes ? Findings.ofBinary(content) : []
    return line(title, `${bytes} B`, findings)
  }
}
