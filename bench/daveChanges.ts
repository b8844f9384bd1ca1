/**
 * What members who join and leave an end-to-end encrypted group cost the other streams of a process. A process of ours is in
 * such a group and plays twenty plain streams besides; the emulator, with the other members, is a process of its own. Groups
 * of the thread (`Dave.layerThread`) stand beside groups in the thread of the beat (`Dave.layer`), changes of our group
 * beside no changes and beside changes of a group that we are not in, which burden the machine as much and us not at all.
 */
import * as Messages from "./changes/messages.ts"
import type { FromEmulator, FromPlayer, PlayerArguments, Seen, ToEmulator, ToPlayer } from "./changes/messages.ts"
import * as Child from "./child.ts"
import { type Bench, median } from "./measure.ts"

interface Cell {
  readonly size: number
  readonly layer: Messages.DaveLayer
  readonly place: Messages.Place
  readonly rounds: Array<Seen & { readonly changes: number }>
}

const where = {
  elsewhere: "in a group without us",
  nowhere: "none",
  here: "in our group"
}

const spread = (values: ReadonlyArray<number>) => ({
  median: median(values),
  minimum: Math.min(...values),
  maximum: Math.max(...values)
})

const shown = (values: ReadonlyArray<number>) => {
  const { maximum, median, minimum } = spread(values)
  return `${median.toFixed(1)} (${minimum.toFixed(1)}-${maximum.toFixed(1)})`
}

export const daveChanges: Bench = {
  name: "dave-changes",
  summary: "how long members who join and leave groups of 2, 10 and 50 block the event loop and delay other streams",
  run: async ({ progress, quick, rounds: wanted }) => {
    const sizes = quick ? [3] : [2, 10, 50]
    const streams = quick ? 5 : 20
    const rounds = wanted ?? (quick ? 1 : 5)
    const ms = quick ? 600 : 8_000
    const settleMs = quick ? 0 : 3_000
    const cells = sizes.flatMap((size) =>
      Messages.layers.flatMap((layer) => Messages.places.map((place): Cell => ({ size, layer, place, rounds: [] })))
    )

    progress("dave-changes: the emulator makes its groups")
    const emulator = Child.start(
      new URL("changes/emulator.ts", import.meta.url),
      [JSON.stringify({ sizes, streams } satisfies Messages.EmulatorArguments)],
      { execPath: process.execPath }
    )
    emulator.on("message", (message) => {
      // the emulator says what `FromEmulator` says
      const said = message as FromEmulator
      if (said._tag === "Grouped") progress(`dave-changes: the emulator makes its groups: one of ${said.size} is there`)
    })
    try {
      const { gateway, groups, plain, token } = await Child.hear<FromEmulator, "Listening">(emulator, "Listening")
      const change = async (told: ToEmulator) => {
        const changed = Child.hear<FromEmulator, "Changed">(emulator, "Changed")
        emulator.send(told)
        return (await changed).changes
      }
      for (let n = 0; n < rounds; n++) {
        const pairs = groups.flatMap((group) => Messages.layers.map((layer) => ({ group, layer })))
        for (const { group, layer } of n % 2 === 0 ? pairs : pairs.toReversed()) {
          const args: PlayerArguments = { gateway, token, layer, plain, group }
          const player = Child.start(
            new URL("changes/player.ts", import.meta.url),
            [JSON.stringify(args)],
            { execPath: process.execPath }
          )
          const tell = <T extends FromPlayer["_tag"]>(message: ToPlayer, tag: T) => {
            const answer = Child.hear<FromPlayer, T>(player, tag)
            player.send(message)
            return answer
          }
          try {
            progress(`dave-changes: round ${n + 1}/${rounds}: ${layer}, a group of ${group.size} connects`)
            await Child.hear<FromPlayer, "Ready">(player, "Ready")
            // what starts compiles and collects
            await Child.pause(settleMs)
            let isIn = false
            // what we are not in has to come before we are in it
            for (const place of n % 2 === 0 ? Messages.places : (["elsewhere", "here", "nowhere"] as const)) {
              progress(
                `dave-changes: round ${n + 1}/${rounds}: ${layer}, a group of ${group.size}, changes ${where[place]}`
              )
              if (place !== "elsewhere" && !isIn) {
                await tell({ _tag: "Enter" }, "Entered")
                // the first change compiles
                await change({ _tag: "Change", place: "here", size: group.size, ms: 1 })
                isIn = true
              }
              await tell({ _tag: "Begin" }, "Begun")
              const changes = await change({ _tag: "Change", place, size: group.size, ms })
              const { seen } = await tell({ _tag: "End" }, "Ended")
              if (place === "here" && seen.transitions === 0) throw new Error("no change of our group has reached us")
              cells.find((cell) => cell.size === group.size && cell.layer === layer && cell.place === place)
                ?.rounds.push({ ...seen, changes })
            }
          } finally {
            await Child.end(player)
          }
        }
      }
    } finally {
      await Child.end(emulator)
    }

    const figures = cells.map(({ layer, place, rounds, size }) => ({
      members: size,
      layer,
      place,
      changes: rounds.map(({ changes }) => changes),
      transitions: rounds.map(({ transitions }) => transitions),
      workMs: spread(rounds.map(({ workMs }) => workMs)),
      thirdWorkMs: spread(rounds.map(({ thirdWorkMs }) => thirdWorkMs)),
      delayMs: spread(rounds.map(({ delayMs }) => delayMs)),
      p99: spread(rounds.map(({ p99 }) => p99)),
      max: spread(rounds.map(({ max }) => max)),
      encrypted: rounds.reduce((sum, { encrypted }) => sum + encrypted, 0),
      withheld: rounds.reduce((sum, { withheld }) => sum + withheld, 0)
    }))
    return {
      rows: cells.map(({ layer, place, rounds, size }) => ({
        members: size,
        groups: layer,
        changes: where[place],
        number: median(rounds.map(({ changes }) => changes)),
        "longest work ms": shown(rounds.map(({ workMs }) => workMs)),
        "third ms": shown(rounds.map(({ thirdWorkMs }) => thirdWorkMs)),
        "longest delay ms": shown(rounds.map(({ delayMs }) => delayMs)),
        "late p99 ms": shown(rounds.map(({ p99 }) => p99)),
        "max ms": shown(rounds.map(({ max }) => max)),
        withheld: rounds.reduce((sum, { withheld }) => sum + withheld, 0)
      })),
      figures: { rounds, ms, streams, cells: figures },
      notes: [
        `medians (least-greatest) of ${rounds} rounds of ${ms} ms or a little more; ${streams} plain streams play meanwhile`,
        "longest work: the most CPU time of the main thread between two ticks of a 1 ms timer, and the third longest, because " +
        "single long stretches are there without changes, too; other processes add nothing",
        "longest delay: of the event loop, as monitorEventLoopDelay sees it; late: how much later than 20 ms after the one " +
        "before it a packet of a plain stream leaves. Both grow where the machine has no core to spare",
        "withheld: frames of the encrypted stream that were not sent for want of a group"
      ]
    }
  }
}
