/** Makes the files in this folder again. */
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { signal, wav16 } from "../signal.ts"

const folder = fileURLToPath(new URL(".", import.meta.url))

const make = (name: string, rate: number, seconds: number, ...args: ReadonlyArray<string>): void => {
  const tags = ["-metadata", "title=A Chirp", "-metadata", "artist=The Tests", "-metadata", "album=Files"]
  const { status, stderr } = spawnSync(
    ffmpeg,
    ["-v", "error", "-y", "-i", "pipe:0", ...args, ...tags, "-map_metadata", "-1", ...tags, folder + name],
    { input: wav16(signal(rate, seconds), rate) }
  )
  if (status !== 0) throw new Error(`${name}: ${stderr.toString()}`)
}

make("chirp.flac", 44_100, 1, "-c:a", "flac")
make("chirp-24.flac", 48_000, 0.5, "-c:a", "flac", "-sample_fmt", "s32")
make("chirp.mp3", 44_100, 3, "-c:a", "libmp3lame", "-b:a", "128k")
make("chirp-vbr.mp3", 24_000, 3, "-c:a", "libmp3lame", "-q:a", "4")
make("chirp.m4a", 44_100, 3, "-c:a", "aac", "-b:a", "128k", "-aac_pns", "0")
make("chirp-fast.m4a", 48_000, 3, "-c:a", "aac", "-b:a", "128k", "-aac_pns", "0", "-movflags", "+faststart")
make("chirp.aac", 44_100, 3, "-c:a", "aac", "-b:a", "128k", "-aac_pns", "0", "-f", "adts")
make("chirp.vorbis.ogg", 44_100, 3, "-c:a", "libvorbis", "-q:a", "5")
make("chirp.vorbis.webm", 48_000, 3, "-c:a", "libvorbis", "-q:a", "5")
make("chirp.opus.ogg", 48_000, 3, "-c:a", "libopus", "-b:a", "96k", "-page_duration", "200000")
make("chirp.opus.webm", 48_000, 3, "-c:a", "libopus", "-b:a", "96k", "-cluster_time_limit", "500")
make("chirp.opus.mp4", 48_000, 3, "-c:a", "libopus", "-b:a", "96k", "-strict", "-2")
make("chirp.alac.m4a", 44_100, 0.5, "-c:a", "alac")

/** One tone per channel of 5.1, in the order of WAV. */
const tones = [400, 600, 900, 50, 1_500, 2_300].map((hertz) => `0.4*sin(2*PI*${hertz}*t)`).join("|")
const surround = `aevalsrc=${tones}:c=5.1:s=48000:d=0.5`
const { status, stderr } = spawnSync(
  ffmpeg,
  ["-v", "error", "-y", "-f", "lavfi", "-i", surround, "-c:a", "libopus", "-b:a", "256k", `${folder}surround.opus.ogg`]
)
if (status !== 0) throw new Error(`surround.opus.ogg: ${stderr.toString()}`)

// tone.he2.aac is not made here, since this ffmpeg has no such encoder. It holds this signal at 44,100 Hz, 3 s long,
// with the right channel at a tenth of the left one's chirp, encoded by Fraunhofer's FDK AAC with `-t 29 -r 32000`.
