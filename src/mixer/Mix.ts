/**
 * A mix: the inputs of a session become one stream of Opus, made ahead of its time. Plain code, for this thread or another.
 *
 * It works in units of 20 ms, whose frames (`Output`) are aligned in time with those of a source that is passed through.
 *
 * A mix that begins while a ring is passed through decodes that ring from before the change, and gives its encoder what the
 * listener heard before. When only one input of Opus is left, and it sounds as its source does, the mix ends at a frame of
 * it, and names it as its successor.
 *
 * @since 0.1.0
 */
import type { FloatCodec, FloatEncoder } from "../codec/FloatCodec.ts"
import type { EncoderSettings } from "../OpusEncoder.ts"
import * as FrameRing from "../ring/FrameRing.ts"
import * as Duck from "./Duck.ts"
import * as Feed from "./Feed.ts"
import * as Heard from "./Heard.ts"
import { Input, unit } from "./Input.ts"
import type { Command, NewInput, Setup } from "./messages.ts"
import { Output } from "./Output.ts"
import * as PcmRing from "./PcmRing.ts"
import { Tails } from "./Tails.ts"
import { UnitEncoder } from "./UnitEncoder.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Mix {
  readonly command: (command: Command) => void
  /** Makes what is missing, as far as the inputs have it. */
  readonly fill: () => void
  readonly close: () => void
}

/** When this little is left, an input that stalls is no longer waited for, in milliseconds. */
const patienceMs = 40

/** The units that are mixed at a time: if this thread has a beat, it continues in between. */
const unitsAtOnce = 3

/** The units that have to be plain before the mix hands over to its only input. */
const plainUnits = 10

/**
 * Makes a mix. Rejects if the codec cannot be loaded. `onBroken` is called at most once, when the mix cannot continue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = async (
  codec: FloatCodec,
  setup: Setup,
  onBroken: (detail: string) => void
): Promise<Mix> => {
  const encoder = await codec.encoder(setup.encoder)
  return new Mixing(codec, encoder, setup, onBroken)
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

class Mixing implements Mix {
  readonly #codec: FloatCodec
  readonly #output: Output
  readonly #heard: Heard.Writer
  readonly #onBroken: (detail: string) => void
  readonly #aheadMs: number
  readonly #inputs = new Map<number, Input>()
  readonly #tails = new Tails()
  readonly #duck = Duck.make()
  /** Commands that wait for a decoder. */
  readonly #queue: Array<Command> = []
  #isBusy = false
  #isClosed = false
  /** Whether silence was mixed after the last sound. */
  #isFlushed = true
  /** The number of successive units that were nothing but the only input, unchanged. */
  #plain = 0
  /** What was heard before it begins. */
  #history: Array<Float32Array> = []

  constructor(codec: FloatCodec, encoder: FloatEncoder, setup: Setup, onBroken: (detail: string) => void) {
    this.#codec = codec
    this.#heard = Heard.writer(setup.heard)
    this.#aheadMs = setup.aheadMs
    this.#output = new Output(new UnitEncoder(encoder), FrameRing.fromBuffer(setup.ring), this.#aheadMs)
    this.#onBroken = onBroken
  }

  command(command: Command): void {
    if (this.#isClosed) return
    // at once, also while a decoder is awaited; inputs that wait for theirs are left out when it is their turn
    if (command._tag === "Cut") this.#cut(command)
    this.#queue.push(command)
    this.#work()
  }

  fill(): void {
    if (this.#isBusy || this.#isClosed || this.#output.isEnded) return
    try {
      for (let i = 0; i < unitsAtOnce && this.#output.bufferedMs() < this.#aheadMs && this.#step(); i++);
    } catch (cause) {
      this.#break(cause)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { feed } of this.#inputs.values()) feed.free()
    this.#inputs.clear()
    this.#output.free()
  }

  #break(cause: unknown): void {
    if (this.#output.isEnded) return
    this.#output.abandon()
    this.#onBroken(messageOf(cause))
  }

  #work(): void {
    while (!this.#isBusy && !this.#isClosed) {
      const command = this.#queue.shift()
      if (command === undefined) return this.fill()
      if (command._tag === "Add") this.#add(command.input)
      else this.#change(command)
    }
  }

  #change(command: Exclude<Command, { readonly _tag: "Add" }>): void {
    if (command._tag === "Encoder") return this.#configure(command.settings)
    if (command._tag === "Cut") return this.#leaveOut(command.inputs)
    const input = this.#inputs.get(command.input) ?? this.#tails.get(command.input)
    if (input === undefined) return
    switch (command._tag) {
      case "Remove":
        return input.remove()
      case "Gain":
        return input.setGain(command.gain, command.rampMs)
      case "FadeOut":
        return input.fadeOut(command.rampMs)
      case "Effects":
        return input.setEffects(command.effects)
      case "Pause":
        return input.setPaused(command.paused)
      case "Own":
        if (Feed.isOpus(input.feed)) input.feed.own()
    }
  }

  #configure(settings: EncoderSettings): void {
    try {
      this.#output.configure(settings)
    } catch (cause) {
      this.#break(cause)
    }
  }

  #add(input: NewInput): void {
    if (input.format === "pcm") return this.#insert(input, Feed.pcm(PcmRing.fromBuffer(input.ring)))
    this.#isBusy = true
    this.#codec.decoder().then((decoder) => {
      this.#isBusy = false
      if (this.#isClosed) return decoder.free()
      const before: Array<Float32Array> = []
      this.#insert(input, Feed.opus(input.ring, decoder, input.from, (samples) => before.push(samples)))
      if (!this.#output.hasBegun) this.#history = before
      this.#work()
    }).catch((cause: unknown) => {
      this.#isBusy = false
      this.#break(cause)
    })
  }

  #insert(input: NewInput, feed: Feed.Feed): void {
    if (this.#output.isEnded) return feed.free()
    const after = input.after !== undefined && this.#inputs.has(input.after) ? input.after : undefined
    const next = new Input({ ...input, after }, feed)
    this.#replace(input.replaces, next)
    // what is over already is what it has begun after
    if (after === undefined) next.behind ??= input.after
    this.#inputs.set(input.input, next)
  }

  #replace(id: number | undefined, next: Input): void {
    if (id === undefined) return
    const former = this.#inputs.get(id)
    next.behind = former?.behind
    for (const other of this.#inputs.values()) {
      if (other.after === id) other.after = next.id
      if (other.behind !== id) continue
      // an input that waited for its end has begun: it is too late for this one, and for those that take its place
      other.behind = next.id
      next.isOver = true
    }
    former?.remove()
  }

  #cut({ from, inputs, ring }: Extract<Command, { readonly _tag: "Cut" }>): void {
    this.#leaveOut(inputs)
    try {
      this.#output.cut(inputs, from, FrameRing.fromBuffer(ring))
    } catch (cause) {
      this.#break(cause)
    }
  }

  #leaveOut(inputs: ReadonlyArray<number>): void {
    this.#plain = 0
    for (const id of inputs) {
      this.#tails.remove(id)
      const input = this.#inputs.get(id)
      if (input !== undefined) this.#delete(input)
    }
  }

  #delete(input: Input): void {
    this.#inputs.delete(input.id)
    input.feed.free()
  }

  /** Mixes a unit. Returns false if there is nothing to do at the moment. */
  #step(): boolean {
    if (this.#inputs.size === 0 && this.#tails.isEmpty) return this.#output.hasBegun && this.#finish()
    const successor = this.#successor()
    if (successor !== undefined) return this.#giveWay(successor)
    if (!this.#isReady()) return false
    if (!this.#output.hasBegun) this.#begin()
    this.#mix()
    this.#output.advance()
    return true
  }

  /** Whether a unit should be mixed now: something sounds, and inputs that are short were waited for. */
  #isReady(): boolean {
    let active = 0
    let silent = 0
    let isShort = false
    for (const input of this.#inputs.values()) {
      if (input.after !== undefined && !this.#inputs.has(input.after)) input.begin()
      if (input.isOver) return true
      if (!input.isActive) {
        // ready for the end of what it waits for
        if (input.after !== undefined) input.prepare()
        continue
      }
      active++
      if (!input.isShort()) continue
      if (input.isStarving || !this.#output.hasBegun) silent++
      else isShort = true
    }
    const isIdle = active === silent && this.#tails.isEmpty
    this.#heard.setIdle(isIdle)
    if (isIdle) {
      // the last unit is encoded with what follows, which here is silence
      if (this.#isFlushed) return false
      this.#isFlushed = true
      return true
    }
    this.#isFlushed = false
    return !isShort || this.#output.bufferedMs() <= patienceMs
  }

  #begin(): void {
    this.#isFlushed = false
    this.#output.begin(this.#history)
    this.#history = []
  }

  #mix(): void {
    const { kept, units } = this.#output
    kept.begin()
    this.#heard.begin(units)
    const render = (input: Input, duckFrom: number, duckTo: number): void => {
      let from = 0
      if (input.after !== undefined) {
        const former = this.#inputs.get(input.after)
        if (former !== undefined && !former.isOver) return
        from = former?.endedAt ?? 0
        // it begins with the next unit
        if (from >= unit) return
        input.begin()
      }
      if (input.paused || input.isOver) {
        input.flags = input.isOver ? Heard.Flag.Over : Heard.Flag.Paused
        return
      }
      const peak = input.render(kept.part(input.id), from, duckFrom, duckTo)
      kept.level(input.level)
      if (input.duck !== undefined) this.#duck.hear(input.duck, input.flags, peak)
    }
    for (const input of this.#inputs.values()) if (input.duck !== undefined) render(input, 1, 1)
    const { from, to } = this.#duck.next()
    for (const input of this.#inputs.values()) if (input.duck === undefined) render(input, from, to)
    // what it waits for was added after it
    for (const input of this.#inputs.values()) {
      if (input.after === undefined) continue
      if (input.duck === undefined) render(input, from, to)
      else render(input, 1, 1)
    }
    let isPlain = this.#inputs.size === 1 && this.#tails.isEmpty && from === 1 && to === 1
    this.#tails.render(kept, from, to)
    for (const input of this.#inputs.values()) {
      this.#heard.write(units, input.slot, input.id, input.positionMs(), input.flags)
      isPlain &&= input.isPlain
      if (!input.isOver) continue
      this.#delete(input)
      this.#tails.add(input)
    }
    this.#plain = isPlain ? this.#plain + 1 : 0
  }

  /** Nothing is left. */
  #finish(): boolean {
    this.#end(0, new Float32Array())
    return false
  }

  /** The input that can continue on its own, at this position. */
  #successor(): readonly [number, Feed.OpusFeed] | undefined {
    if (this.#plain < plainUnits || this.#inputs.size !== 1) return undefined
    for (const { feed, id, isPlain } of this.#inputs.values()) {
      if (isPlain && Feed.isOpus(feed) && feed.canHandOver()) return [id, feed]
    }
    return undefined
  }

  #giveWay([id, feed]: readonly [number, Feed.OpusFeed]): boolean {
    this.#end(id, feed.peek(this.#output.lookahead))
    return false
  }

  /** `next` is the beginning of what follows. */
  #end(successor: number, next: Float32Array): void {
    this.#output.end(next)
    this.#heard.end(successor)
  }
}
