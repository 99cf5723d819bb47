"""What `duet VERB --help` says of its settings, for the checks of the files that set them."""

import re
import subprocess

# Of RFC 5737, for documentation.
NOBODY = "192.0.2.1"
BAD_SETTING, CANT_LISTEN = 64, 1
PATIENCE_SECONDS = 20


class Settings:
    """Those of one executable."""

    def __init__(self, duet):
        self.duet = duet
        # The logs' filter is no flag; a health check runs in the environment of the process that it asks.
        self.everywhere = {"RUST_LOG"} | self.variables("healthcheck")
        drain = re.search(r"DRAIN_LIMIT_MS=[^\]]*\]\s+\[default:\s+(\d+)", self.help("standalone"))
        self.drain_seconds = int(drain[1]) / 1000

    def help(self, verb):
        return subprocess.run([self.duet, verb, "--help"], check=True, capture_output=True, text=True).stdout

    def variables(self, verb):
        return set(re.findall(r"\[env:\s+(\w+)[=\]]", self.help(verb)))

    def unknown(self, verb, names):
        """Of these names of variables, those that nobody reads."""
        return set(names) - self.variables(verb) - self.everywhere

    def problem(self, verb, values):
        """What the executable says of values that make no sense. It listens nowhere: what it is told to listen on is nobody's address."""
        moved = {name: f"{NOBODY}:{port(value)}" for name, value in values.items() if name.endswith("_LISTEN")}
        environment = values | moved | ({"LISTEN_ADDRESS": NOBODY} if verb == "gateway" else {})
        ended = subprocess.run([self.duet, verb], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        expect(f"duet {verb}", ended.returncode in (BAD_SETTING, CANT_LISTEN), f"ended with {ended.returncode}: {ended.stderr}")
        return ended.stderr.strip() if ended.returncode == BAD_SETTING else None


def port(address):
    """The port of HOST:PORT, or of a URL that ends with it."""
    return int(re.search(r":(\d+)$", address)[1])


def expect(where, holds, otherwise):
    """Ends the check where something does not hold."""
    if not holds:
        raise SystemExit(f"{where}: {otherwise}")
