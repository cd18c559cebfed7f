"""The server under test: the testbed that ENCHUFE_TESTBED names, or the official one with ENCHUFE_REFERENCE=1."""

import os
import pathlib
import re
import signal
import subprocess

import engineio.payload
import pytest

# Its default of 16 packets a payload is the client's own; what servers send may hold more.
engineio.payload.Payload.max_decode_packets = 10_000

FOLDER = pathlib.Path(__file__).resolve().parent


class Testbed:
    """A server with a profile, on a port that it chose or was given."""

    __test__ = False

    def __init__(self, profile, *flags, port=0):
        self.process = subprocess.Popen(
            [*program(), "--profile", profile, "--port", str(port), *flags],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        assert match, f"the server's first line should name its port: {line!r}"
        self.port = int(match.group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        """Asks it to end; answers its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        finally:
            self.kill()

    def kill(self):
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def program():
    if os.environ.get("ENCHUFE_REFERENCE") == "1":
        return ["node", str(FOLDER.parent / "reference-server.mjs")]
    return [os.environ["ENCHUFE_TESTBED"]]


@pytest.fixture(scope="session")
def app():
    """Profile `app`, shared by the tests."""
    bed = Testbed("app")
    yield bed
    bed.kill()


@pytest.fixture(scope="session")
def protocol():
    """Profile `protocol`, shared by the tests."""
    bed = Testbed("protocol")
    yield bed
    bed.kill()
