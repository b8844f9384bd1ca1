"""
What every script of a Python library needs: `../script.ts` and `../bot.ts` in Python. The test uses the channel that Node gives
the processes it starts: a socket with one JSON object per line, whose number is in NODE_CHANNEL_FD.
"""

import asyncio
import base64
import json
import logging
import os
import re
import socket
import sys
import traceback

place = json.loads(sys.argv[1])

_channel = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
_loop = None
_writer = None


def tell(tag, **fields):
    """Reports something to the test. Any thread may call it."""
    line = json.dumps({"_tag": tag, **fields}).encode() + b"\n"
    _loop.call_soon_threadsafe(_writer.write, line)


def heard(user, packet):
    """Reports an Opus packet of a user."""
    tell("Heard", user=str(user), packet=base64.b64encode(packet).decode())


def state(name):
    """Reports a change of the library's own state of the connection."""
    tell("State", name=name)


class States(logging.Handler):
    """Reads connection states from the loggers, since the libraries do not report them to bots. `names` are by pattern."""

    def __init__(self, logger, names):
        super().__init__()
        self.names = names
        logging.getLogger(logger).addHandler(self)
        logging.getLogger(logger).setLevel(logging.DEBUG)

    def emit(self, record):
        message = record.getMessage()
        for pattern, name in self.names.items():
            if re.search(pattern, message):
                state(name)


async def _perform(bot, command):
    argument = command.get("argument")
    match command["_tag"]:
        case "Join":
            return await bot.join(int(argument))
        case "Play":
            return await bot.play([base64.b64decode(packet) for packet in argument])
        case "PlayFile":
            return await bot.play_file(argument)
        case "Listen":
            return bot.listen(int(argument))
        case "Leave":
            return await bot.leave()
        case "PrivacyCode":
            return bot.privacy_code()
        case "VerificationCode":
            return await bot.verification_code(int(argument))
        case other:
            raise ValueError(f"There is no command {other}.")


async def _answer(bot, command):
    try:
        tell("Done", id=command["id"], value=await _perform(bot, command))
    except Exception:
        tell("Failed", error=traceback.format_exc())


async def _serve(make):
    global _loop, _writer
    _loop = asyncio.get_running_loop()
    reader, _writer = await asyncio.open_unix_connection(sock=_channel, limit=1 << 24)
    bot = make()
    running = asyncio.create_task(bot.client.start(place["token"]))
    running.add_done_callback(lambda _: running.cancelled() or tell("Failed", error=repr(running.exception())))
    answers = set()
    while line := await reader.readline():
        answer = asyncio.create_task(_answer(bot, json.loads(line)))
        answers.add(answer)
        answer.add_done_callback(answers.discard)
    # threads of the libraries may be in the middle of something
    os._exit(0)


def run(make):
    """Makes a bot, and carries out the test's commands once the bot is ready. Ends with the test."""
    asyncio.run(_serve(make))
