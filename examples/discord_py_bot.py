"""
A bot on discord.py that does not use this package: it joins a channel, plays a song and leaves. It needs
DISCORD_TOKEN and CHANNEL_ID in the environment. Set DISCORD_API and DISCORD_GATEWAY to connect it to another server
than Discord's; `discord_py_bot_test.py` tests it against the emulator in this way.
"""

import asyncio
import itertools
import os
import pathlib

import discord
import yarl
from discord.oggparse import OggStream

if "DISCORD_API" in os.environ:
    discord.http.Route.BASE = os.environ["DISCORD_API"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY"])


class Song(discord.AudioSource):
    """The Opus packets of an Ogg file, unchanged and without the two header packets."""

    def __init__(self, file):
        self.packets = itertools.islice(OggStream(file).iter_packets(), 2, None)

    def read(self):
        return next(self.packets, b"")

    def is_opus(self):
        return True


class Bot(discord.Client):
    async def on_ready(self):
        channel = await self.fetch_channel(int(os.environ["CHANNEL_ID"]))
        voice = await channel.connect()
        # nobody accepts audio until the bot is in the encrypted group of the call; there is no group while
        # the bot is alone or on a stage, so wait for three seconds at most
        for _ in range(60):
            if voice.voice_privacy_code:
                break
            await asyncio.sleep(0.05)
        with pathlib.Path(__file__).with_name("song.ogg").open("rb") as file:
            ended = self.loop.create_future()
            voice.play(Song(file), after=lambda error: self.loop.call_soon_threadsafe(ended.set_result, error))
            await ended
        await voice.disconnect()
        await self.close()


Bot(intents=discord.Intents.default()).run(os.environ["DISCORD_TOKEN"])
