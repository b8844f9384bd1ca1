"""
A bot on discord.py, with nothing of this package in it: it joins a channel, plays a song and leaves. Where Discord is may be
said by environment variables.
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
    """The Opus packets of an Ogg file as they are, without its two headers."""

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
        # nobody takes what it says before it is in the encrypted group of the call; alone, and in a stage, there is none
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
