"""
Tests the bot in `discord_py_bot.py` against the command `effect-discord-voice emulator`, with nothing but Python's
standard library. Run it as a program. Set EMULATOR if the command is not `npx effect-discord-voice`.
"""

import asyncio
import itertools
import json
import os
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
EMULATOR = os.environ.get("EMULATOR", "npx effect-discord-voice").split()


class Emulator:
    """The emulator as a process: everything it says, a way to send it orders, and its exit code at the end."""

    @classmethod
    async def start(cls, *flags):
        self = cls()
        self.process = await asyncio.create_subprocess_exec(
            *EMULATOR, "emulator", "--json", "--attached", "--strict", *flags,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        self.ids = itertools.count(1)
        self.said = []
        assert (await self.next_line())["event"] == "listening", self.said
        return self

    async def next_line(self):
        line = await self.process.stdout.readline()
        if not line:
            raise EOFError(f"the emulator has ended: {self.said[-1:]}")
        self.said.append(json.loads(line))
        return self.said[-1]

    async def tell(self, do, **options):
        order = {"do": do, "id": next(self.ids), **options}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        while True:
            line = await self.next_line()
            if line["event"] == "answer" and line["id"] == order["id"]:
                return line

    async def stop(self):
        self.process.stdin.close()
        self.said += [json.loads(line) async for line in self.process.stdout]
        return await self.process.wait()


class BotTest(unittest.IsolatedAsyncioTestCase):
    async def test_plays_the_whole_song_to_whoever_is_in_the_channel_and_leaves(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        ca = f"{folder}/ca.pem"
        emulator = await Emulator.start("--tls", "--cert", ca, "--user", "guest")
        place = emulator.said[0]

        # SSL_CERT_FILE makes Python trust the emulator's certificate
        bot = await asyncio.create_subprocess_exec(
            sys.executable, HERE / "discord_py_bot.py",
            env={
                **os.environ,
                "SSL_CERT_FILE": ca,
                "DISCORD_API": place["rest"],
                "DISCORD_GATEWAY": place["gateway"],
                "DISCORD_TOKEN": place["token"],
                "CHANNEL_ID": place["channel"],
            },
        )
        self.assertEqual(await bot.wait(), 0)

        song = str(HERE / "song.ogg")
        heard = await emulator.tell("heard", user="guest", frames=150, file=song)
        self.assertTrue(heard["ok"], heard)
        self.assertTrue(heard["file"]["intact"], heard)

        # with --strict, the exit code says whether there were violations
        self.assertEqual(await emulator.stop(), 0, emulator.said)
        happened = {(line["event"], line.get("user")) for line in emulator.said}
        self.assertLessEqual({("join", "bot"), ("leave", "bot")}, happened)


if __name__ == "__main__":
    unittest.main()
